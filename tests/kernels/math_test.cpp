// Accuracy of the vector mathematics, on every target that was compiled and that this CPU runs.
//
// float against the C library's double over a sweep of bit patterns, double against MPFR (with NNGPU_HAVE_MPFR) on
// log-uniform arguments; both begin with all pairs of special values. NNGPU_EXHAUSTIVE=1: every float, 1e7
// doubles. An error is |result - reference| in units of the last place of the reference.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/math_test.cpp"
#include "backend/cpu/targets.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
//
#include "backend/cpu/math/math-inl.h"
#include "hwy/highway.h"

#ifndef NNGPU_TESTS_MATH_FUNCTIONS
#define NNGPU_TESTS_MATH_FUNCTIONS
// name, arity, C library, MPFR, bound for float, bound for double
#define NNGPU_MATH_UNARY(X)                                   \
  X(Exp, std::exp(x), mpfr_exp, 2, 2)                         \
  X(Exp2, std::exp2(x), mpfr_exp2, 4, 4)                      \
  X(Expm1, std::expm1(x), mpfr_expm1, 4, 4)                   \
  X(Log, std::log(x), mpfr_log, 2, 2)                         \
  X(Log2, std::log2(x), mpfr_log2, 4, 4)                      \
  X(Log10, std::log10(x), mpfr_log10, 4, 4)                   \
  X(Log1p, std::log1p(x), mpfr_log1p, 4, 4)                   \
  X(Sin, std::sin(x), mpfr_sin, 2, 2)                         \
  X(Cos, std::cos(x), mpfr_cos, 2, 2)                         \
  X(Tan, std::tan(x), mpfr_tan, 4, 4)                         \
  X(Asin, std::asin(x), mpfr_asin, 4, 4)                      \
  X(Acos, std::acos(x), mpfr_acos, 4, 4)                      \
  X(Atan, std::atan(x), mpfr_atan, 4, 4)                      \
  X(Sinh, std::sinh(x), mpfr_sinh, 4, 4)                      \
  X(Cosh, std::cosh(x), mpfr_cosh, 4, 4)                      \
  X(Tanh, std::tanh(x), mpfr_tanh, 4, 4)                      \
  X(Asinh, std::asinh(x), mpfr_asinh, 4, 4)                   \
  X(Acosh, std::acosh(x), mpfr_acosh, 4, 4)                   \
  X(Atanh, std::atanh(x), mpfr_atanh, 4, 4)                   \
  X(Erf, std::erf(x), mpfr_erf, 4, 4)                         \
  X(Erfc, std::erfc(x), mpfr_erfc, 4, 4)                      \
  X(Lgamma, std::lgamma(x), reference_lgamma, 4, 10)          \
  X(Cbrt, std::cbrt(x), mpfr_cbrt, 4, 4)                      \
  X(Sigmoid, 1 / (1 + std::exp(-x)), reference_sigmoid, 4, 4) \
  X(Rsqrt, 1 / std::sqrt(x), reference_rsqrt, 2, 2)
#define NNGPU_MATH_BINARY(X)                   \
  X(Pow, std::pow(x, y), mpfr_pow, 4, 4)       \
  X(Atan2, std::atan2(x, y), mpfr_atan2, 4, 4) \
  X(Hypot, std::hypot(x, y), mpfr_hypot, 4, 4) \
  X(Fmod, std::fmod(x, y), mpfr_fmod, 0, 0)    \
  X(FloorMod, reference_floor_mod(x, y), reference_floor_mod, 1, 1)

namespace nngpu::cpu {
namespace {
enum class Function {
#define NNGPU_ENUM(name, ...) k##name,
  NNGPU_MATH_UNARY(NNGPU_ENUM) NNGPU_MATH_BINARY(NNGPU_ENUM)
#undef NNGPU_ENUM
};
}  // namespace
}  // namespace nngpu::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {

namespace {

// One function over n elements; the tail goes through tags of a single lane.
template <class T>
void Apply(Function function, const T* x, const T* y, T* out, size_t n) {
  const auto loop = [&](const auto& f) HWY_ATTR {
    const hn::ScalableTag<T> d;
    const hn::CappedTag<T, 1> d1;
    size_t i = 0;
    for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
      hn::StoreU(f(d, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, out + i);
    }
    for (; i < n; ++i) hn::StoreU(f(d1, hn::LoadU(d1, x + i), hn::LoadU(d1, y + i)), d1, out + i);
  };
  switch (function) {
#define NNGPU_CASE(name, ...) \
  case Function::k##name:     \
    return loop([](auto d, auto a, auto) HWY_ATTR { return name(d, a); });
    NNGPU_MATH_UNARY(NNGPU_CASE)
#undef NNGPU_CASE
#define NNGPU_CASE(name, ...) \
  case Function::k##name:     \
    return loop([](auto d, auto a, auto b) HWY_ATTR { return name(d, a, b); });
    NNGPU_MATH_BINARY(NNGPU_CASE)
#undef NNGPU_CASE
  }
}

void ApplyF32(Function f, const float* x, const float* y, float* out, size_t n) { Apply(f, x, y, out, n); }
void ApplyF64(Function f, const double* x, const double* y, double* out, size_t n) { Apply(f, x, y, out, n); }

}  // namespace
}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernels/math_accuracy.h"

#ifdef NNGPU_HAVE_MPFR
#include <mpfr.h>
#endif

namespace nngpu::cpu {

HWY_EXPORT(ApplyF32);
HWY_EXPORT(ApplyF64);

namespace {

using namespace math_tests;

template <class T>
using Apply = void (*)(Function, const T*, const T*, T*, size_t);

template <class T>
struct Target {
  std::string name;
  Apply<T> apply;
};

template <class T>
std::vector<Target<T>> targets() {
  std::vector<Target<T>> all;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    Apply<T> apply;
    if constexpr (std::is_same_v<T, float>) {
      apply = &HWY_DYNAMIC_DISPATCH(ApplyF32);
    } else {
      apply = &HWY_DYNAMIC_DISPATCH(ApplyF64);
    }
    all.push_back({hwy::TargetName(target), apply});
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return all;
}

double reference_floor_mod(double x, double y) {
  const double r = std::fmod(x, y);
  if (r == 0) return std::copysign(0.0, y);
  return (r < 0) != (y < 0) ? r + y : r;
}

Reference reference_f32(Function function, double x, double y) {
  double v = 0;
  switch (function) {
#define NNGPU_CASE(name, expression, ...) \
  case Function::k##name:                 \
    v = expression;                       \
    break;
    NNGPU_MATH_UNARY(NNGPU_CASE)
    NNGPU_MATH_BINARY(NNGPU_CASE)
#undef NNGPU_CASE
  }
  return {std::isnan(v), std::isinf(v), std::signbit(v), v};
}

struct Row {
  const char* name;
  Function function;
  bool binary;
  double bound_f32, bound_f64;
};

constexpr Row kRows[] = {
#define NNGPU_ROW(name, expression, mpfr, f32, f64) {#name, Function::k##name, false, f32, f64},
    NNGPU_MATH_UNARY(NNGPU_ROW)
#undef NNGPU_ROW
#define NNGPU_ROW(name, expression, mpfr, f32, f64) {#name, Function::k##name, true, f32, f64},
        NNGPU_MATH_BINARY(NNGPU_ROW)
#undef NNGPU_ROW
};

template <class T>
struct Worst {
  double error = 0;
  T x = 0, y = 0, result = 0;
};

// Calls fill(block, x, y) for every block, on all cores when exhaustive, and measures every target.
template <class T, class Fill, class Refer>
std::vector<Worst<T>> sweep(Function function, int64_t blocks, const std::vector<Target<T>>& all, const Fill& fill,
                            const Refer& refer) {
  std::vector<Worst<T>> worst(all.size());
  std::mutex mutex;
  std::atomic<int64_t> next{0};
  const auto work = [&] {
    std::vector<T> x(kBlock), y(kBlock), out(kBlock);
    std::vector<Reference> want(kBlock);
    std::vector<Worst<T>> mine(all.size());
    for (int64_t block = next++; block < blocks; block = next++) {
      fill(block, x, y);
      for (size_t i = 0; i < kBlock; ++i) want[i] = refer(function, x[i], y[i]);
      for (size_t t = 0; t < all.size(); ++t) {
        all[t].apply(function, x.data(), y.data(), out.data(), kBlock);
        for (size_t i = 0; i < kBlock; ++i) {
          const double e = error_ulp(out[i], want[i]);
          if (e > mine[t].error) mine[t] = {e, x[i], y[i], out[i]};
        }
      }
    }
    const std::lock_guard<std::mutex> lock(mutex);
    for (size_t t = 0; t < all.size(); ++t) {
      if (mine[t].error > worst[t].error) worst[t] = mine[t];
    }
  };
  std::vector<std::thread> threads(exhaustive() ? std::max(1u, std::thread::hardware_concurrency()) : 1);
  for (auto& thread : threads) thread = std::thread(work);
  for (auto& thread : threads) thread.join();
  return worst;
}

template <class T>
void report(const Row& row, const std::vector<Target<T>>& all, const std::vector<Worst<T>>& worst, double bound) {
  for (size_t t = 0; t < all.size(); ++t) {
    std::printf("%-9s %s %-7s %8.3f ulp at (%.17g, %.17g)\n", row.name, sizeof(T) == 4 ? "f32" : "f64",
                all[t].name.c_str(), worst[t].error, static_cast<double>(worst[t].x),
                static_cast<double>(worst[t].y));
    EXPECT_LE(worst[t].error, bound) << row.name << " on " << all[t].name << " at (" << std::hexfloat << worst[t].x
                                     << ", " << worst[t].y << ") gave " << worst[t].result;
  }
  std::fflush(stdout);
}

class Math : public testing::TestWithParam<Row> {};

TEST_P(Math, Float) {
  const Row& row = GetParam();
  const auto all = targets<float>();
  const uint64_t stride = exhaustive() ? 1 : 4099;
  const int64_t blocks = static_cast<int64_t>((uint64_t{1} << 32) / stride / kBlock) + 3;
  const auto fill = [&](int64_t block, std::vector<float>& x, std::vector<float>& y) {
    const int64_t first = special_blocks(block, x, y);
    if (block < first) return;
    for (size_t i = 0; i < kBlock; ++i) {
      const uint64_t index = static_cast<uint64_t>(block - first) * kBlock + i;
      x[i] = std::bit_cast<float>(static_cast<uint32_t>(index * stride));
      y[i] = std::bit_cast<float>(static_cast<uint32_t>(mix(index)));
      // Most pairs of patterns overflow a power; half of them are brought near each other instead.
      if (index % 2 == 1) y[i] = std::ldexp(static_cast<float>(mix(index) >> 40) - 8388608.0f, -20);
      if (index % 4 == 3 && std::isfinite(x[i]) && x[i] != 0) x[i] = std::ldexp(x[i], -std::ilogb(x[i]) / 4 * 3);
    }
  };
  // Only binary functions have x moved.
  const auto fill_unary = [&](int64_t block, std::vector<float>& x, std::vector<float>& y) {
    const int64_t first = special_blocks(block, x, y);
    if (block < first) return;
    for (size_t i = 0; i < kBlock; ++i) {
      const uint64_t index = static_cast<uint64_t>(block - first) * kBlock + i;
      x[i] = std::bit_cast<float>(static_cast<uint32_t>(index * stride));
      y[i] = 0;
    }
  };
  const auto worst = row.binary ? sweep<float>(row.function, blocks, all, fill, reference_f32)
                                : sweep<float>(row.function, blocks, all, fill_unary, reference_f32);
  report(row, all, worst, row.bound_f32);
}

#ifdef NNGPU_HAVE_MPFR

constexpr mpfr_rnd_t kNearest = MPFR_RNDN;

int reference_lgamma(mpfr_t out, const mpfr_t x, mpfr_rnd_t mode) {
  int sign;
  return mpfr_lgamma(out, &sign, x, mode);
}

int reference_sigmoid(mpfr_t out, const mpfr_t x, mpfr_rnd_t mode) {
  mpfr_neg(out, x, mode);
  mpfr_exp(out, out, mode);
  mpfr_add_ui(out, out, 1, mode);
  return mpfr_ui_div(out, 1, out, mode);
}

int reference_rsqrt(mpfr_t out, const mpfr_t x, mpfr_rnd_t mode) {
  mpfr_sqrt(out, x, mode);
  return mpfr_ui_div(out, 1, out, mode);
}

int reference_floor_mod(mpfr_t out, const mpfr_t x, const mpfr_t y, mpfr_rnd_t mode) {
  mpfr_fmod(out, x, y, mode);
  if (mpfr_nan_p(out)) return 0;
  if (mpfr_zero_p(out)) return mpfr_copysign(out, out, y, mode);
  if (mpfr_signbit(out) != mpfr_signbit(y)) return mpfr_add(out, out, y, mode);
  return 0;
}

Reference reference_f64(Function function, double x, double y) {
  struct Numbers {
    mpfr_t x, y, out;
    Numbers() { mpfr_inits2(160, x, y, out, nullptr); }
    ~Numbers() { mpfr_clears(x, y, out, nullptr); }
  };
  thread_local Numbers n;
  mpfr_set_d(n.x, x, kNearest);
  mpfr_set_d(n.y, y, kNearest);
  switch (function) {
#define NNGPU_CASE(name, expression, mpfr, ...) \
  case Function::k##name:                       \
    mpfr(n.out, n.x, kNearest);                 \
    break;
    NNGPU_MATH_UNARY(NNGPU_CASE)
#undef NNGPU_CASE
#define NNGPU_CASE(name, expression, mpfr, ...) \
  case Function::k##name:                       \
    mpfr(n.out, n.x, n.y, kNearest);            \
    break;
    NNGPU_MATH_BINARY(NNGPU_CASE)
#undef NNGPU_CASE
  }
  return {mpfr_nan_p(n.out) != 0, mpfr_inf_p(n.out) != 0, mpfr_signbit(n.out) != 0, mpfr_get_ld(n.out, kNearest),
          function == Function::kLgamma && x < 0 ? std::max(1.0, std::fabs(std::lgamma(-x))) : 0.0};
}

TEST_P(Math, Double) {
  const Row& row = GetParam();
  const auto all = targets<double>();
  const int64_t blocks = (exhaustive() ? 10000000 : 100000) / static_cast<int64_t>(kBlock) + 2;
  const auto fill = [&](int64_t block, std::vector<double>& x, std::vector<double>& y) {
    const int64_t first = special_blocks(block, x, y);
    if (block < first) return;
    for (size_t i = 0; i < kBlock; ++i) {
      const uint64_t index = static_cast<uint64_t>(block) * kBlock + i;
      const uint64_t a = mix(2 * index), b = mix(2 * index + 1);
      // All magnitudes, those around one, and the range in which exponentials do not overflow.
      switch (index % 4) {
        case 0:
          x[i] = log_uniform(a, -1074, 1024);
          y[i] = log_uniform(b, -1074, 1024);
          break;
        case 1:
          x[i] = log_uniform(a, -30, 0.2);
          y[i] = log_uniform(b, -10, 10);
          break;
        case 2:
          x[i] = log_uniform(a, -6, 10);
          y[i] = log_uniform(b, 0, 12);
          break;
        default:
          x[i] = 1 + log_uniform(a, -52, 4);
          y[i] = log_uniform(b, 0, 60);
          break;
      }
    }
  };
  report(row, all, sweep<double>(row.function, blocks, all, fill, reference_f64), row.bound_f64);
}

#endif  // NNGPU_HAVE_MPFR

INSTANTIATE_TEST_SUITE_P(All, Math, testing::ValuesIn(kRows),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace nngpu::cpu

#endif  // HWY_ONCE
