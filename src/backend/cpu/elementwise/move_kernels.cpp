// Tile kernels that move and convert: select, casts, fills, gathers, streaming stores.
#include <bit>
#include <cstring>
#include <limits>

#include "backend/cpu/elementwise/kernels.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise/move_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void select_step(void* out, const void* condition, const void* a, const void* b, size_t n) {
  const auto* c = static_cast<const uint8_t*>(condition);
  const auto* x = static_cast<const T*>(a);
  const auto* y = static_cast<const T*>(b);
  auto* to = static_cast<T*>(out);
  for (size_t i = 0; i < n; ++i) to[i] = c[i] != 0 ? x[i] : y[i];
}

void add_select_kernels(StepKernels& kernels) {
  auto& row = kernels.table[static_cast<int>(Elementwise::Select)];
  row[static_cast<int>(DType::U8)][0] = select_step<uint8_t>;
  row[static_cast<int>(DType::I32)][0] = select_step<uint32_t>;
  row[static_cast<int>(DType::I64)][0] = select_step<uint64_t>;
  row[static_cast<int>(DType::F32)][0] = select_step<uint32_t>;
  row[static_cast<int>(DType::F64)][0] = select_step<uint64_t>;
}

// --- Conversions ---

// A bool in memory: one byte, 0 or 1.
struct Truth {
  uint8_t value;
};

template <class To, class From>
HWY_INLINE To convert(From v) {
  if constexpr (std::is_same_v<From, Truth>)
    return convert<To>(v.value);
  else if constexpr (std::is_same_v<To, Truth>)
    return Truth{static_cast<uint8_t>(v != 0)};
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // The largest floating value below the type's end; beyond it the end itself is meant.
    constexpr From kLow = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From kHigh = static_cast<From>(std::numeric_limits<To>::max());
    if (!(v > kLow)) return v != v ? To{0} : std::numeric_limits<To>::min();
    return v >= kHigh ? std::numeric_limits<To>::max() : static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

template <class From, class To>
void cast_loop(void* out, const void* in, size_t n) {
  const auto* from = static_cast<const From*>(in);
  auto* to = static_cast<To*>(out);
  for (size_t i = 0; i < n; ++i) to[i] = convert<To>(from[i]);
}

void half_to_float(void* out, const void* in, size_t n) {
  auto* to = static_cast<float*>(out);
  size_t i = 0;
#if HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<float> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> dh;
  const auto* from = static_cast<const hwy::float16_t*>(in);
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d))
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(dh, from + i)), d, to + i);
#endif
  for (; i < n; ++i) to[i] = static_cast<float>(static_cast<const Half*>(in)[i]);
}

void float_to_half(void* out, const void* in, size_t n) {
  const auto* from = static_cast<const float*>(in);
  size_t i = 0;
#if HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<float> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> dh;
  auto* to = static_cast<hwy::float16_t*>(out);
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d))
    hn::StoreU(hn::DemoteTo(dh, hn::LoadU(d, from + i)), dh, to + i);
#endif
  for (; i < n; ++i) static_cast<Half*>(out)[i] = Half(from[i]);
}

void bfloat_to_float(void* out, const void* in, size_t n) {
  const auto* from = static_cast<const uint16_t*>(in);
  auto* to = static_cast<float*>(out);
  for (size_t i = 0; i < n; ++i) to[i] = std::bit_cast<float>(static_cast<uint32_t>(from[i]) << 16);
}

void float_to_bfloat(void* out, const void* in, size_t n) {
  const auto* from = static_cast<const float*>(in);
  auto* to = static_cast<uint16_t*>(out);
  for (size_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<uint32_t>(from[i]);
    const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;  // to nearest, ties to even
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    to[i] = static_cast<uint16_t>(nan ? (bits >> 16 | 0x40u) : rounded);
  }
}

// Half types convert through f32, a piece at a time.
constexpr size_t kPiece = 256;

template <CastKernel kFirst, CastKernel kSecond, size_t kFrom, size_t kTo>
void cast_twice(void* out, const void* in, size_t n) {
  float middle[kPiece];
  for (size_t i = 0; i < n; i += kPiece) {
    const size_t count = n - i < kPiece ? n - i : kPiece;
    kFirst(middle, static_cast<const char*>(in) + i * kFrom, count);
    kSecond(static_cast<char*>(out) + i * kTo, middle, count);
  }
}

template <class From>
CastKernel cast_from(DType to) {
  switch (to) {
    case DType::Bool:
      return cast_loop<From, Truth>;
    case DType::U8:
      return cast_loop<From, uint8_t>;
    case DType::I32:
      return cast_loop<From, int32_t>;
    case DType::I64:
      return cast_loop<From, int64_t>;
    case DType::F16:
      if constexpr (std::is_same_v<From, float>)
        return float_to_half;
      else
        return cast_twice<cast_loop<From, float>, float_to_half, sizeof(From), 2>;
    case DType::BF16:
      if constexpr (std::is_same_v<From, float>)
        return float_to_bfloat;
      else
        return cast_twice<cast_loop<From, float>, float_to_bfloat, sizeof(From), 2>;
    case DType::F32:
      return cast_loop<From, float>;
    case DType::F64:
      return cast_loop<From, double>;
  }
  return nullptr;
}

void copy_halves(void* out, const void* in, size_t n) { std::memcpy(out, in, n * 2); }

template <CastKernel kLoad>
CastKernel cast_from_half(DType from, DType to) {
  if (from == to) return copy_halves;
  switch (to) {
    case DType::Bool:
      return cast_twice<kLoad, cast_loop<float, Truth>, 2, 1>;
    case DType::U8:
      return cast_twice<kLoad, cast_loop<float, uint8_t>, 2, 1>;
    case DType::I32:
      return cast_twice<kLoad, cast_loop<float, int32_t>, 2, 4>;
    case DType::I64:
      return cast_twice<kLoad, cast_loop<float, int64_t>, 2, 8>;
    case DType::F16:
      return cast_twice<kLoad, float_to_half, 2, 2>;
    case DType::BF16:
      return cast_twice<kLoad, float_to_bfloat, 2, 2>;
    case DType::F32:
      return kLoad;
    case DType::F64:
      return cast_twice<kLoad, cast_loop<float, double>, 2, 8>;
  }
  return nullptr;
}

CastKernel find_cast(DType from, DType to) {
  switch (from) {
    case DType::Bool:
      return cast_from<Truth>(to);
    case DType::U8:
      return cast_from<uint8_t>(to);
    case DType::I32:
      return cast_from<int32_t>(to);
    case DType::I64:
      return cast_from<int64_t>(to);
    case DType::F16:
      return cast_from_half<half_to_float>(from, to);
    case DType::BF16:
      return cast_from_half<bfloat_to_float>(from, to);
    case DType::F32:
      return cast_from<float>(to);
    case DType::F64:
      return cast_from<double>(to);
  }
  return nullptr;
}

template <CastKernel kStore, CastKernel kLoad>
void round_loop(float* out, const float* in, size_t n) {
  uint16_t halves[kPiece];
  for (size_t i = 0; i < n; i += kPiece) {
    const size_t count = n - i < kPiece ? n - i : kPiece;
    kStore(halves, in + i, count);
    kLoad(out + i, halves, count);
  }
}

RoundKernel find_round(DType half) {
  return half == DType::F16 ? round_loop<float_to_half, half_to_float>
                            : round_loop<float_to_bfloat, bfloat_to_float>;
}

void stream(void* out, const void* in, size_t bytes) {
  const hn::ScalableTag<uint8_t> d;
  auto* to = static_cast<uint8_t*>(out);
  const auto* from = static_cast<const uint8_t*>(in);
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  const size_t misaligned = reinterpret_cast<uintptr_t>(to) % lanes;
  if (misaligned != 0) {
    i = bytes < lanes - misaligned ? bytes : lanes - misaligned;
    std::memcpy(to, from, i);
  }
  for (; i + lanes <= bytes; i += lanes) hn::Stream(hn::LoadU(d, from + i), d, to + i);
  if (i < bytes) std::memcpy(to + i, from + i, bytes - i);
}

template <class T>
void fill_as(void* out, const void* value, size_t n) {
  T v;
  std::memcpy(&v, value, sizeof(v));
  auto* to = static_cast<T*>(out);
  for (size_t i = 0; i < n; ++i) to[i] = v;
}

void fill_tile(void* out, const void* value, size_t size, size_t n) {
  switch (size) {
    case 1:
      return fill_as<uint8_t>(out, value, n);
    case 2:
      return fill_as<uint16_t>(out, value, n);
    case 4:
      return fill_as<uint32_t>(out, value, n);
    default:
      return fill_as<uint64_t>(out, value, n);
  }
}

template <class T>
void gather_as(void* out, const void* in, int64_t stride, size_t n) {
  auto* to = static_cast<T*>(out);
  const auto* from = static_cast<const T*>(in);
  for (size_t i = 0; i < n; ++i) to[i] = from[static_cast<int64_t>(i) * stride];
}

void gather_tile(void* out, const void* in, size_t size, int64_t stride, size_t n) {
  switch (size) {
    case 1:
      return gather_as<uint8_t>(out, in, stride, n);
    case 2:
      return gather_as<uint16_t>(out, in, stride, n);
    case 4:
      return gather_as<uint32_t>(out, in, stride, n);
    default:
      return gather_as<uint64_t>(out, in, stride, n);
  }
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
HWY_EXPORT(add_select_kernels);
HWY_EXPORT(find_cast);
HWY_EXPORT(find_round);
HWY_EXPORT(stream);
HWY_EXPORT(fill_tile);
HWY_EXPORT(gather_tile);

namespace detail {
void add_select_kernels(StepKernels& kernels) { HWY_DYNAMIC_DISPATCH(add_select_kernels)(kernels); }
}  // namespace detail

CastKernel cast_kernel(DType from, DType to) { return HWY_DYNAMIC_DISPATCH(find_cast)(from, to); }
RoundKernel round_kernel(DType half) { return HWY_DYNAMIC_DISPATCH(find_round)(half); }
void stream_copy(void* out, const void* in, size_t bytes) { HWY_DYNAMIC_DISPATCH(stream)(out, in, bytes); }
void fill(void* out, const void* value, size_t size, size_t n) {
  HWY_DYNAMIC_DISPATCH(fill_tile)(out, value, size, n);
}
void gather_strided(void* out, const void* in, size_t size, int64_t stride, size_t n) {
  HWY_DYNAMIC_DISPATCH(gather_tile)(out, in, size, stride, n);
}

const StepKernels& step_kernels() {
  static const StepKernels kernels = [] {
    StepKernels k;
    detail::add_float_kernels(k);
    detail::add_double_kernels(k);
    detail::add_integer_kernels(k);
    detail::add_select_kernels(k);
    return k;
  }();
  return kernels;
}
}  // namespace nngpu::cpu
#endif
