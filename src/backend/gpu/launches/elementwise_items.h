// Merged elementwise work (graph/plan_merge.cpp).
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_ELEMENTWISE_ITEMS_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_ELEMENTWISE_ITEMS_H_

#include "backend/gpu/launches.h"

namespace nngpu::gpu {

void prepare_elementwise_items(GpuBackend& gpu, Launch& launch);
void run_elementwise_items(GpuBackend& gpu, const Launch& launch, const RunContext& context);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_ELEMENTWISE_ITEMS_H_
