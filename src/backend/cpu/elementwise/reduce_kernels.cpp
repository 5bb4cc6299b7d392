#include "backend/cpu/elementwise/reduce_kernels.h"

#include <cmath>
#include <limits>

#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise/reduce_kernels.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using graph::Reduction;

// Asks for the bytes that come `kAhead` behind x. The processor's own requests stop at the end of every page.
constexpr size_t kAhead = 4096;
HWY_INLINE void ask_ahead(const void* x, size_t bytes) {
  const char* ahead = static_cast<const char*>(x) + kAhead;
  for (size_t line = 0; line < bytes; line += 64) hwy::Prefetch(ahead + line);
}

// --- Sums of floating numbers ---

HWY_INLINE void add_exactly(double& sum, double& error, double x) {
  const double total = sum + x;
  const double part = total - sum;
  const double lost = (sum - (total - part)) + (x - part);
  // Beyond the finite range there is no error to keep, and infinity - infinity would make one.
  error += total - total == 0 ? lost : 0;
  sum = total;
}

// Eight independent vector sums: a tile's additions are few for each of them, and hide each other's latency.
template <bool kFar, class T>
HWY_INLINE double tile_sum(const T* x, size_t n) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  size_t i = 0;
  for (; i + 8 * lanes <= n; i += 8 * lanes) {
    if constexpr (kFar) ask_ahead(x + i, 8 * lanes * sizeof(T));
    s0 = hn::Add(s0, hn::LoadU(d, x + i));
    s1 = hn::Add(s1, hn::LoadU(d, x + i + lanes));
    s2 = hn::Add(s2, hn::LoadU(d, x + i + 2 * lanes));
    s3 = hn::Add(s3, hn::LoadU(d, x + i + 3 * lanes));
    s4 = hn::Add(s4, hn::LoadU(d, x + i + 4 * lanes));
    s5 = hn::Add(s5, hn::LoadU(d, x + i + 5 * lanes));
    s6 = hn::Add(s6, hn::LoadU(d, x + i + 6 * lanes));
    s7 = hn::Add(s7, hn::LoadU(d, x + i + 7 * lanes));
  }
  for (; i + lanes <= n; i += lanes) s0 = hn::Add(s0, hn::LoadU(d, x + i));
  if (i < n) s1 = hn::Add(s1, hn::MaskedLoad(hn::FirstN(d, n - i), d, x + i));
  s0 = hn::Add(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Add(hn::Add(s4, s5), hn::Add(s6, s7)));
  HWY_ALIGN T lane[hn::MaxLanes(d)];
  hn::Store(s0, d, lane);
  double sum = 0;
  for (size_t k = 0; k < lanes; ++k) sum += lane[k];
  return sum;
}

template <class T, bool kFar>
void run_sum(Partial& partial, const void* x, size_t n) {
  // Each of tile_sum's chains adds at most eight values, on every width of vectors: equal values round equally,
  // and longer chains would show it.
  const size_t piece = 64 * hn::Lanes(hn::ScalableTag<T>());
  const auto* from = static_cast<const T*>(x);
  for (size_t i = 0; i < n; i += piece) {
    add_exactly(partial.real, partial.error, tile_sum<kFar>(from + i, n - i < piece ? n - i : piece));
  }
}

void columns_sum_float(double* real, double*, int64_t*, double*, const void* x, size_t n) {
  const auto* from = static_cast<const float*>(x);
  for (size_t i = 0; i < n; ++i) real[i] += static_cast<double>(from[i]);
}

void columns_sum_double(double* real, double* error, int64_t*, double*, const void* x, size_t n) {
  const auto* from = static_cast<const double*>(x);
  for (size_t i = 0; i < n; ++i) add_exactly(real[i], error[i], from[i]);
}

void combine_sum(Partial& into, const Partial& other) {
  add_exactly(into.real, into.error, other.real);
  into.error += other.error;
}

// --- Products ---

template <class T>
void run_product(Partial& partial, const void* x, size_t n) {
  const auto* from = static_cast<const T*>(x);
  constexpr size_t kChains = 8;  // independent, for the multiplier's latency
  double product[kChains] = {1, 1, 1, 1, 1, 1, 1, 1};
  size_t i = 0;
  for (; i + kChains <= n; i += kChains) {
    for (size_t k = 0; k < kChains; ++k) product[k] *= static_cast<double>(from[i + k]);
  }
  for (; i < n; ++i) product[0] *= static_cast<double>(from[i]);
  for (double factor : product) partial.real *= factor;
}

template <class T>
void columns_product(double* real, double*, int64_t*, double*, const void* x, size_t n) {
  const auto* from = static_cast<const T*>(x);
  for (size_t i = 0; i < n; ++i) real[i] *= static_cast<double>(from[i]);
}

void combine_product(Partial& into, const Partial& other) { into.real *= other.real; }

// --- Extremes of floating numbers; NaN wins ---

template <bool kMax>
HWY_INLINE double better(double a, double b) {
  const bool take = (kMax ? b > a : b < a) | (b != b);
  return take ? b : a;
}

template <bool kMax, class T, bool kFar>
void run_extreme(Partial& partial, const void* x, size_t n) {
  const auto* from = static_cast<const T*>(x);
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const auto pick = [](auto a, auto b) HWY_ATTR { return kMax ? hn::Max(a, b) : hn::Min(a, b); };
  const T start = kMax ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  auto b0 = hn::Set(d, start), b1 = b0, b2 = b0, b3 = b0;
  auto sum = hn::Zero(d);  // of x - x: zero unless something is not finite
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    if constexpr (kFar) ask_ahead(from + i, 4 * lanes * sizeof(T));
    const auto x0 = hn::LoadU(d, from + i), x1 = hn::LoadU(d, from + i + lanes);
    const auto x2 = hn::LoadU(d, from + i + 2 * lanes), x3 = hn::LoadU(d, from + i + 3 * lanes);
    b0 = pick(b0, x0);
    b1 = pick(b1, x1);
    b2 = pick(b2, x2);
    b3 = pick(b3, x3);
    sum = hn::Add(sum,
                  hn::Add(hn::Add(hn::Sub(x0, x0), hn::Sub(x1, x1)), hn::Add(hn::Sub(x2, x2), hn::Sub(x3, x3))));
  }
  HWY_ALIGN T lane[hn::MaxLanes(d)];
  hn::Store(sum, d, lane);
  bool odd = false;
  for (size_t k = 0; k < lanes; ++k) odd = odd || lane[k] != 0;
  if (odd)
    i = 0;  // infinities or NaN: look at each
  else
    hn::Store(pick(pick(b0, b1), pick(b2, b3)), d, lane);
  double best = partial.real;
  for (size_t k = 0; k < lanes && !odd && i > 0; ++k) best = better<kMax>(best, static_cast<double>(lane[k]));
  for (; i < n; ++i) best = better<kMax>(best, static_cast<double>(from[i]));
  partial.real = best;
}

template <bool kMax, class T>
void columns_extreme(double* real, double*, int64_t*, double*, const void* x, size_t n) {
  const auto* from = static_cast<const T*>(x);
  for (size_t i = 0; i < n; ++i) real[i] = better<kMax>(real[i], static_cast<double>(from[i]));
}

template <bool kMax>
void combine_extreme(Partial& into, const Partial& other) {
  into.real = better<kMax>(into.real, other.real);
}

// x - x is NaN for NaN and infinity, and zero for all else.
template <class T>
HWY_INLINE bool finite_run(const T* x, size_t n) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  const auto difference = [&](size_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, x + i);
    return hn::Sub(v, v);
  };
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = hn::Add(s0, difference(i));
    s1 = hn::Add(s1, difference(i + lanes));
    s2 = hn::Add(s2, difference(i + 2 * lanes));
    s3 = hn::Add(s3, difference(i + 3 * lanes));
  }
  HWY_ALIGN T lane[hn::MaxLanes(d)];
  hn::Store(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), d, lane);
  T sum = 0;
  for (size_t k = 0; k < lanes; ++k) sum += lane[k];
  for (; i < n; ++i) sum += x[i] - x[i];
  return sum == 0;
}

bool finite_floats(const float* x, size_t n) { return finite_run(x, n); }
bool finite_doubles(const double* x, size_t n) { return finite_run(x, n); }

// --- Integers ---

template <Reduction kCode>
HWY_INLINE int64_t fold(int64_t a, int64_t b) {
  switch (kCode) {
    case Reduction::Sum:
      return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    case Reduction::Prod:
      return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    case Reduction::Min:
      return a < b ? a : b;
    case Reduction::Max:
      return a > b ? a : b;
    case Reduction::Any:
      return (a != 0) | (b != 0);
    case Reduction::All:
      return (a != 0) & (b != 0);
    case Reduction::LogSumExp:
    case Reduction::Moments:
      break;  // of floating numbers only
  }
  return a;
}

template <Reduction kCode, class T>
void run_integer(Partial& partial, const void* x, size_t n) {
  const auto* from = static_cast<const T*>(x);
  int64_t value = partial.integer;
  for (size_t i = 0; i < n; ++i) value = fold<kCode>(value, from[i]);
  partial.integer = value;
}

template <Reduction kCode, class T>
void columns_integer(double*, double*, int64_t* integer, double*, const void* x, size_t n) {
  const auto* from = static_cast<const T*>(x);
  for (size_t i = 0; i < n; ++i) integer[i] = fold<kCode>(integer[i], from[i]);
}

template <Reduction kCode>
void combine_integer(Partial& into, const Partial& other) {
  into.integer = fold<kCode>(into.integer, other.integer);
}

template <Reduction kCode, class T>
ReduceKernels integer_kernels() {
  ReduceKernels k;
  if (kCode == Reduction::Min) k.identity.integer = std::numeric_limits<int64_t>::max();
  if (kCode == Reduction::Max) k.identity.integer = std::numeric_limits<int64_t>::min();
  if (kCode == Reduction::Prod || kCode == Reduction::All) k.identity.integer = 1;
  k.run = run_integer<kCode, T>;
  k.columns = columns_integer<kCode, T>;
  k.combine = combine_integer<kCode>;
  return k;
}

template <bool kMax, class T>
ReduceKernels extreme_kernels() {
  const double infinity = std::numeric_limits<double>::infinity();
  return {{kMax ? -infinity : infinity, 0, 0},
          true,
          run_extreme<kMax, T, false>,
          run_extreme<kMax, T, true>,
          columns_extreme<kMax, T>,
          combine_extreme<kMax>};
}

template <class T>
ReduceKernels float_kernels(Reduction code) {
  switch (code) {
    case Reduction::Sum:
      return {{},
              true,
              run_sum<T, false>,
              run_sum<T, true>,
              sizeof(T) == 4 ? columns_sum_float : columns_sum_double,
              combine_sum};
    case Reduction::Prod:
      return {{1, 0, 0}, true, run_product<T>, nullptr, columns_product<T>, combine_product};
    case Reduction::Min:
      return extreme_kernels<false, T>();
    case Reduction::Max:
      return extreme_kernels<true, T>();
    case Reduction::Any:
    case Reduction::All:
      return {};  // of truths only
    case Reduction::LogSumExp:
    case Reduction::Moments:
      return {};  // in files of their own
  }
  return {};
}

template <class T>
ReduceKernels integer_kernels_of(Reduction code) {
  switch (code) {
    case Reduction::Sum:
      return integer_kernels<Reduction::Sum, T>();
    case Reduction::Prod:
      return integer_kernels<Reduction::Prod, T>();
    case Reduction::Min:
      return integer_kernels<Reduction::Min, T>();
    case Reduction::Max:
      return integer_kernels<Reduction::Max, T>();
    case Reduction::Any:
      return integer_kernels<Reduction::Any, T>();
    case Reduction::All:
      return integer_kernels<Reduction::All, T>();
    case Reduction::LogSumExp:
    case Reduction::Moments:
      break;
  }
  return {};
}

ReduceKernels find_reduce_kernels(Reduction code, DType type) {
  switch (type) {
    case DType::Bool:
    case DType::U8:
      return integer_kernels_of<uint8_t>(code);
    case DType::I32:
      return integer_kernels_of<int32_t>(code);
    case DType::I64:
      return integer_kernels_of<int64_t>(code);
    case DType::F64:
      return float_kernels<double>(code);
    case DType::F16:
    case DType::BF16:
    case DType::F32:
      return float_kernels<float>(code);
  }
  return {};
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
HWY_EXPORT(find_reduce_kernels);
HWY_EXPORT(finite_floats);
HWY_EXPORT(finite_doubles);

bool all_finite(const float* x, size_t n) { return HWY_DYNAMIC_DISPATCH(finite_floats)(x, n); }
bool all_finite(const double* x, size_t n) { return HWY_DYNAMIC_DISPATCH(finite_doubles)(x, n); }

const ReduceKernels& reduce_kernels(graph::Reduction code, DType type) {
  struct Table {
    ReduceKernels entry[graph::kReductionCount][kDTypeCount];
    Table() {
      for (int c = 0; c < graph::kReductionCount; ++c)
        for (int t = 0; t < kDTypeCount; ++t)
          entry[c][t] = find(static_cast<graph::Reduction>(c), static_cast<DType>(t));
    }
    static ReduceKernels find(graph::Reduction code, DType type) {
      if (code == graph::Reduction::LogSumExp) return log_sum_exp_kernels(type);
      if (code == graph::Reduction::Moments) return moments_kernels(type);
      return HWY_DYNAMIC_DISPATCH(find_reduce_kernels)(code, type);
    }
  };
  static const Table table;
  return table.entry[static_cast<int>(code)][static_cast<int>(type)];
}
}  // namespace nngpu::cpu
#endif
