#include "backend/cpu/convolution/flat.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/convolution/flat_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <utility>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// With 32 registers 24 hold sums, with 16 registers 12 or fewer do.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kVectors = 3;
constexpr int kTerms = 4;
#else
constexpr int kVectors = 1;
constexpr int kTerms = 2;
#endif

template <class T, int kOutputs>
void tile(const FlatTile<T>& args) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kOutputs][kVectors];
#pragma GCC unroll 16
  for (int j = 0; j < kOutputs; ++j)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[j][v] = hn::Zero(d);
  const T* weights = args.weights;
  for (int64_t t = 0; t < args.terms; ++t, weights += kOutputs) {
    const T* from = args.source + args.offsets[t];
    V left[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) left[v] = hn::LoadU(d, from + v * lanes);
#pragma GCC unroll 16
    for (int j = 0; j < kOutputs; ++j) {
      const V right = hn::Set(d, weights[j]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sum[j][v] = hn::MulAdd(left[v], right, sum[j][v]);
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < kOutputs; ++j)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[j][v], d, args.out + j * args.out_step + v * lanes);
}

template <class T, int kOutputs>
void gradient(const FlatGradient<T>& args) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kTerms][kOutputs];
  const T* from[kTerms];
#pragma GCC unroll 8
  for (int t = 0; t < kTerms; ++t) {
    from[t] = args.source + args.offsets[t];
#pragma GCC unroll 8
    for (int j = 0; j < kOutputs; ++j) sum[t][j] = hn::LoadU(d, args.sums + (t * args.sum_step + j) * lanes);
  }
  for (int64_t i = 0; i < args.count; i += lanes) {
    // What lies between the rows may be infinite or not a number, so that a gradient of zero would not do.
    const V mask = hn::LoadU(d, args.mask + i);
    V left[kTerms];
#pragma GCC unroll 8
    for (int t = 0; t < kTerms; ++t) left[t] = hn::And(mask, hn::LoadU(d, from[t] + i));
#pragma GCC unroll 8
    for (int j = 0; j < kOutputs; ++j) {
      const V right = hn::LoadU(d, args.gradients + j * args.gradient_step + i);
#pragma GCC unroll 8
      for (int t = 0; t < kTerms; ++t) sum[t][j] = hn::MulAdd(left[t], right, sum[t][j]);
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < kTerms; ++t)
#pragma GCC unroll 8
    for (int j = 0; j < kOutputs; ++j) hn::StoreU(sum[t][j], d, args.sums + (t * args.sum_step + j) * lanes);
}

template <class T, int... kTile, int... kGradient>
FlatKernels<T> make_flat(std::integer_sequence<int, kTile...>, std::integer_sequence<int, kGradient...>) {
  FlatKernels<T> table{};
  table.lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  table.rows = kVectors * table.lanes;
  table.terms = kTerms;
  ((table.tile[kTile] = &tile<T, kTile + 1>), ...);
  ((table.gradient[kGradient] = &gradient<T, kGradient + 1>), ...);
  return table;
}

template <class T>
FlatKernels<T> make_flat() {
  return make_flat<T>(std::make_integer_sequence<int, kFlatOutputs>(),
                      std::make_integer_sequence<int, kFlatGradientOutputs>());
}

FlatKernels<float> float_flat() { return make_flat<float>(); }
FlatKernels<double> double_flat() { return make_flat<double>(); }

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {

HWY_EXPORT(float_flat);
HWY_EXPORT(double_flat);

template <>
const FlatKernels<float>& flat_kernels() {
  static const FlatKernels<float> table = HWY_DYNAMIC_DISPATCH(float_flat)();
  return table;
}

template <>
const FlatKernels<double>& flat_kernels() {
  static const FlatKernels<double> table = HWY_DYNAMIC_DISPATCH(double_flat)();
  return table;
}

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
