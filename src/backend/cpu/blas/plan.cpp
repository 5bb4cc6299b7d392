// Blocking and packing decisions of a product.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "backend/cpu/blas/product.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kDepth = 2048;               // bytes of a row of packed b that one pass over k covers
constexpr int64_t kRowBlockBytes = 400 << 10;  // packed a that stays in a second-level cache of 1 MB
constexpr int64_t kRowSpanBytes = 8 << 20;     // packed a and packed b of one pass, in the last-level cache
constexpr int64_t kColSpanBytes = 4 << 20;
constexpr int64_t kNearBytes = 1 << 20;   // of an operand that a second-level cache holds
constexpr int64_t kThreadWork = 200'000;  // multiply-adds that pay for another thread

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Equal passes over k rather than full ones and a short rest.
template <class T>
int64_t depth_block(int64_t k) {
  const int64_t most = kDepth / static_cast<int64_t>(sizeof(T));
  const int64_t passes = std::max<int64_t>(1, ceil_div(k, most));
  return std::max<int64_t>(1, ceil_div(k, passes));
}

int64_t span(int64_t bytes, int64_t row_bytes, int64_t unit) {
  return std::max(unit, bytes / std::max<int64_t>(1, row_bytes) / unit * unit);
}

}  // namespace

template <class T>
Plan<T> make_plan(Part part, int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, ConstMatrix<T> b, T beta,
                  ConstMatrix<T> c) {
  Plan<T> plan{};
  plan.kernels = &kernels<T>();
  plan.alpha = alpha;
  plan.beta = beta;
  if (m == 1) a.rs = c.rs = 1;  // a stride that is never used may as well be the best one
  if (n == 1 && c.rs != 1) b.cs = c.cs = 1;
  plan.swapped = c.rs != 1 && c.cs == 1;
  plan.part = part;
  if (plan.swapped) {
    std::swap(m, n);
    std::swap(a, b);
    std::swap(a.rs, a.cs);
    std::swap(b.rs, b.cs);
    std::swap(c.rs, c.cs);
    if (part != Part::All) plan.part = part == Part::Lower ? Part::Upper : Part::Lower;
  }
  plan.gather = c.rs != 1;
  plan.m = m, plan.n = n;
  plan.k = alpha == T{0} ? 0 : k;
  plan.a_rs = a.rs, plan.a_cs = a.cs, plan.b_rs = b.rs, plan.b_cs = b.cs, plan.c_rs = c.rs, plan.c_cs = c.cs;

  const int64_t rows = plan.kernels->tile_rows, columns = plan.kernels->tile_columns;
  const int64_t bytes = sizeof(T);
  plan.k_block = depth_block<T>(plan.k);
  // Rows of a side by side, or columns of b running along k, need no packing to be read well, so that only
  // translation misses and cache conflicts of big matrices speak for it. Other strides touch a cache line
  // an element, which pays only while lines survive from one use to the next.
  const bool big_a = m * k * bytes > kNearBytes, big_b = n * k * bytes > kNearBytes;
  plan.pack_a = a.rs != 1 || (n > 16 * columns && big_a);
  plan.pack_b = b.rs != 1 && m > 2 * rows && big_b;
  const int64_t depth_bytes = plan.k_block * bytes;
  plan.row_block = span(kRowBlockBytes, depth_bytes, rows);
  plan.row_span = plan.pack_a ? span(kRowSpanBytes, depth_bytes, rows) : round_up(m, rows);
  plan.col_span = plan.pack_b ? span(kColSpanBytes, depth_bytes, columns) : round_up(n, columns);
  return plan;
}

template <class T>
int plan_threads(const Plan<T>& plan) {
  const double work = double(plan.m) * double(plan.n) * double(plan.k + 8) * (plan.part == Part::All ? 1 : 0.5);
  if (work < 2.0 * kThreadWork) return 1;
  const double tiles =
      double(ceil_div(plan.m, plan.kernels->lanes)) * ceil_div(plan.n, plan.kernels->tile_columns);
  return static_cast<int>(std::min({double(num_threads()), work / kThreadWork, tiles}));
}

template Plan<float> make_plan(Part, int64_t, int64_t, int64_t, float, ConstMatrix<float>, ConstMatrix<float>,
                               float, ConstMatrix<float>);
template Plan<double> make_plan(Part, int64_t, int64_t, int64_t, double, ConstMatrix<double>, ConstMatrix<double>,
                                double, ConstMatrix<double>);
template int plan_threads(const Plan<float>&);
template int plan_threads(const Plan<double>&);

}  // namespace nngpu::cpu
