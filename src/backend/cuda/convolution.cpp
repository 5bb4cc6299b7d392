#include "backend/cuda/convolution.h"

#include "backend/cuda/context.h"
#include "backend/gpu/module_table.h"

#if NNGPU_HAVE_CUDNN
#include <memory>

#include "backend/cuda/cudnn_plan.h"
#endif

namespace nngpu::cuda {

#if NNGPU_HAVE_CUDNN

struct Convolutions {
  cudnnHandle_t handle = nullptr;
  CUstream stream = nullptr;  // that the handle submits to
  std::unordered_map<std::string, CudnnPlan> plans;
};

namespace {

int prepare(Device& device, const CudnnLibrary& library) {
  if (device.convolutions != nullptr) return NNGPU_MODULE_OK;
  auto convolutions = std::make_unique<Convolutions>();
  const cudnnStatus_t status = library.create(&convolutions->handle);
  if (status != CUDNN_STATUS_SUCCESS) return failed("cudnnCreate: " + library.describe(status));
  device.convolutions = convolutions.release();  // as long as the device
  return NNGPU_MODULE_OK;
}

int follow(Device& device, const CudnnLibrary& library, CUstream stream) {
  Convolutions& convolutions = *device.convolutions;
  if (convolutions.stream == stream) return NNGPU_MODULE_OK;
  const cudnnStatus_t status = library.set_stream(convolutions.handle, stream);
  if (status != CUDNN_STATUS_SUCCESS) return failed("cudnnSetStream: " + library.describe(status));
  convolutions.stream = stream;
  return NNGPU_MODULE_OK;
}

// The plan of a convolution, kept by its description without the addresses.
CudnnPlan& plan_for(Device& device, const CudnnLibrary& library, const nngpu_module_convolution& c) {
  nngpu_module_convolution key = c;
  key.x_data = key.w_data = key.y_data = key.workspace = nullptr;
  const std::string words(reinterpret_cast<const char*>(&key), sizeof(key));
  const auto [found, added] = device.convolutions->plans.try_emplace(words);
  if (added) found->second = plan_by_cudnn(library, device.convolutions->handle, c);
  return found->second;
}

int execute(Device& device, const CudnnLibrary& library, const CudnnPlan& plan,
            const nngpu_module_convolution& c) {
  const int64_t numbers[] = {kCudnnX, kCudnnW, kCudnnY};
  void* const addresses[] = {c.x_data, c.w_data, c.y_data};
  CudnnDescriptor pack(library, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, numbers)
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, addresses)
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &c.workspace);
  const cudnnStatus_t status =
      pack.finalize() ? library.execute(device.convolutions->handle, plan.plan->raw(), pack.raw()) : pack.status();
  if (status != CUDNN_STATUS_SUCCESS) return failed("cudnnBackendExecute: " + library.describe(status));
  return NNGPU_MODULE_OK;
}

}  // namespace

int plan_convolution(void* handle, const nngpu_module_convolution* convolution, size_t* workspace_bytes) {
  Device& device = device_of(handle);
  const CudnnLibrary* library = cudnn_library();
  if (library == nullptr) return NNGPU_MODULE_UNSUPPORTED;
  if (const CUresult result = enter(device); result != CUDA_SUCCESS) return failed(result, "cuCtxSetCurrent");
  std::lock_guard lock(device.convolution_mutex);
  if (const int code = prepare(device, *library); code != NNGPU_MODULE_OK) return code;
  const CudnnPlan& plan = plan_for(device, *library, *convolution);
  *workspace_bytes = static_cast<size_t>(plan.workspace);
  return plan.plan != nullptr ? NNGPU_MODULE_OK : NNGPU_MODULE_UNSUPPORTED;
}

int run_convolution(void* handle, const nngpu_module_convolution* convolution) {
  Device& device = device_of(handle);
  if (const CUresult result = enter(device); result != CUDA_SUCCESS) return failed(result, "cuCtxSetCurrent");
  return submit_convolution(device, *convolution, device.stream);
}

int submit_convolution(Device& device, const nngpu_module_convolution& convolution, CUstream stream) {
  const CudnnLibrary* library = cudnn_library();
  if (library == nullptr) return NNGPU_MODULE_UNSUPPORTED;
  std::lock_guard lock(device.convolution_mutex);
  if (const int code = prepare(device, *library); code != NNGPU_MODULE_OK) return code;
  const CudnnPlan& plan = plan_for(device, *library, convolution);
  if (plan.plan == nullptr) return NNGPU_MODULE_UNSUPPORTED;
  if (const int code = follow(device, *library, stream); code != NNGPU_MODULE_OK) return code;
  return execute(device, *library, plan, convolution);
}

#else  // there was no cuDNN to compile with

int plan_convolution(void*, const nngpu_module_convolution*, size_t*) { return NNGPU_MODULE_UNSUPPORTED; }
int run_convolution(void*, const nngpu_module_convolution*) { return NNGPU_MODULE_UNSUPPORTED; }
int submit_convolution(Device&, const nngpu_module_convolution&, CUstream) { return NNGPU_MODULE_UNSUPPORTED; }

#endif

}  // namespace nngpu::cuda
