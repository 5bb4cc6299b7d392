// The f32 tile kernels.
#include "backend/cpu/elementwise/kernels.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise/float_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/elementwise/float_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
void add_float_kernels(StepKernels& kernels) { add_vector_steps<float>(kernels); }
}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
HWY_EXPORT(add_float_kernels);
namespace detail {
void add_float_kernels(StepKernels& kernels) { HWY_DYNAMIC_DISPATCH(add_float_kernels)(kernels); }
}  // namespace detail
}  // namespace nngpu::cpu
#endif
