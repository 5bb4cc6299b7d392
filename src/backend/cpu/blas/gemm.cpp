// gemm and its batched forms.
#include <algorithm>
#include <utility>

#include "backend/cpu/blas.h"
#include "backend/cpu/blas/product.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kTaskWork = 100'000;  // multiply-adds of small products that pay for another thread

constexpr int64_t kSmallSide = 64;

// Whether every item is a few tiles read in place, which the batch kernels do without going back to a driver.
template <class T>
bool is_small(const Plan<T>& plan) {
  return plan.m <= kSmallSide && plan.n <= kSmallSide && plan.k <= plan.k_block && !plan.pack_a && !plan.pack_b &&
         !plan.gather;
}

// Rows [row, row + rows) of all items, for equal blocks of rows. pointers(i, &a, &b, &c) names the matrices of
// item i.
template <class T, class Pointers>
void run_small_batch(const Plan<T>& plan, int64_t count, const Pointers& pointers,
                     const Finish* finish = nullptr) {
  const int64_t lanes = plan.kernels->lanes, most = plan.kernels->batch_rows;
  const int64_t blocks = (plan.m + most - 1) / most;
  const int64_t rows = blocks == 1 ? plan.m : ((plan.m + blocks - 1) / blocks + lanes - 1) / lanes * lanes;
  const TileArgs<T> shape{rows,      plan.k,  nullptr,   plan.a_cs,  nullptr,  plan.b_rs,
                          plan.b_cs, nullptr, plan.c_cs, plan.alpha, plan.beta};
  const int64_t work = std::max<int64_t>(1, plan.m * plan.n * (plan.k + 8));
  parallel_for(count, std::max<int64_t>(1, kTaskWork / work), [&](int64_t begin, int64_t end) {
    TileArgs<T> block = shape;
    constexpr int64_t kMost = 64;
    const T *a[kMost], *b[kMost];
    T* c[kMost];
    const int64_t at_once = blocks == 1 ? kMost : 8;  // so few that b stays near for the next block of rows
    for (int64_t first = begin; first < end; first += at_once) {
      const int64_t items = std::min(at_once, end - first);
      for (int64_t row = 0; row < plan.m; row += rows) {
        for (int64_t i = 0; i < items; ++i) {
          pointers(first + i, &a[i], &b[i], &c[i]);
          if (plan.swapped) std::swap(a[i], b[i]);
          a[i] += row, c[i] += row;
        }
        block.rows = std::min(rows, plan.m - row);
        const auto width = plan.kernels->width_for(block.rows);
        plan.kernels->batch[width.index][width.tail](block, plan.n, items, a, b, c);
      }
      for (int64_t i = 0; finish != nullptr && i < items; ++i) {
        pointers(first + i, &a[i], &b[i], &c[i]);
        finish->apply(finish->index(c[i]), plan.m * plan.n, 1, 0);
      }
    }
  });
}

// Runs item(i, threads) for a batch: many items share the team among them, a few big ones each use all of it.
template <class T, class Item>
void run_batch(const Plan<T>& plan, int64_t count, const Item& item) {
  const int inner = plan_threads(plan);
  if (inner > 1 && count < 4 * num_threads()) {
    for (int64_t i = 0; i < count; ++i) item(i, inner);
    return;
  }
  const int64_t work = std::max<int64_t>(1, plan.m * plan.n * (plan.k + 8));
  parallel_for(count, std::max<int64_t>(1, kTaskWork / work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) item(i, 1);
  });
}

// A product with a vector: gemv reads its matrix better than tiles do.
template <class T>
void gemm_vector(int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, ConstMatrix<T> b, T beta,
                 Matrix<T> c) {
  if (n == 1) {
    gemv<T>(m, k, alpha, a, b.data, b.rs, beta, c.data, c.rs);
  } else {
    gemv<T>(n, k, alpha, ConstMatrix<T>{b.data, b.cs, b.rs}, a.data, a.cs, beta, c.data, c.cs);
  }
}

// The same choice for an item of a batch and for a product alone, so that they agree to the bit.
bool is_vector(int64_t m, int64_t n) { return m == 1 || n == 1; }

template <class T, class Item>
void run_vector_batch(int64_t count, int64_t work, const Item& item) {
  if (count < 4 * num_threads() && work > kTaskWork) {
    for (int64_t i = 0; i < count; ++i) item(i);
    return;
  }
  parallel_for(count, 1 + kTaskWork / (work + 100), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) item(i);
  });
}

}  // namespace

template <class T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, ConstMatrix<T> b, T beta, Matrix<T> c,
          const Finish* finish) {
  if (!is_vector(m, n)) return product<T>(Part::All, m, n, k, alpha, a, b, beta, c, finish);
  gemm_vector<T>(m, n, k, alpha, a, b, beta, c);
  if (finish != nullptr) finish->apply_all();
}

template <class T>
void gemm_batch(int64_t count, int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, int64_t a_step,
                ConstMatrix<T> b, int64_t b_step, T beta, Matrix<T> c, int64_t c_step, const Finish* finish) {
  if (is_vector(m, n)) {
    run_vector_batch<T>(count, m * n * k, [&](int64_t i) {
      gemm_vector<T>(m, n, k, alpha, {a.data + i * a_step, a.rs, a.cs}, {b.data + i * b_step, b.rs, b.cs}, beta,
                     {c.data + i * c_step, c.rs, c.cs});
    });
    if (finish != nullptr) finish->apply_all();
    return;
  }
  const Plan<T> plan = make_plan<T>(Part::All, m, n, k, alpha, a, b, beta, c);
  if (plan.m <= 0 || plan.n <= 0) return;
  if (is_small(plan)) {
    const auto pointers = [&](int64_t i, const T** pa, const T** pb, T** pc) {
      *pa = a.data + i * a_step, *pb = b.data + i * b_step, *pc = c.data + i * c_step;
    };
    return run_small_batch(plan, count, pointers, finish);
  }
  run_batch(plan, count, [&](int64_t i, int threads) {
    run_plan(plan, threads, a.data + i * a_step, b.data + i * b_step, c.data + i * c_step, finish);
  });
}

template <class T>
void gemm_pointers(int64_t count, int64_t m, int64_t n, int64_t k, T alpha, const T* const* a, int64_t a_rs,
                   int64_t a_cs, const T* const* b, int64_t b_rs, int64_t b_cs, T beta, T* const* c, int64_t c_rs,
                   int64_t c_cs) {
  if (is_vector(m, n)) {
    return run_vector_batch<T>(count, m * n * k, [&](int64_t i) {
      gemm_vector<T>(m, n, k, alpha, {a[i], a_rs, a_cs}, {b[i], b_rs, b_cs}, beta, {c[i], c_rs, c_cs});
    });
  }
  const Plan<T> plan = make_plan<T>(Part::All, m, n, k, alpha, {nullptr, a_rs, a_cs}, {nullptr, b_rs, b_cs}, beta,
                                    {nullptr, c_rs, c_cs});
  if (plan.m <= 0 || plan.n <= 0) return;
  if (is_small(plan)) {
    return run_small_batch(
        plan, count, [&](int64_t i, const T** pa, const T** pb, T** pc) { *pa = a[i], *pb = b[i], *pc = c[i]; });
  }
  run_batch(plan, count, [&](int64_t i, int threads) { run_plan(plan, threads, a[i], b[i], c[i]); });
}

#define NNGPU_INSTANTIATE(T)                                                                                     \
  template void gemm(int64_t, int64_t, int64_t, T, ConstMatrix<T>, ConstMatrix<T>, T, Matrix<T>, const Finish*); \
  template void gemm_batch(int64_t, int64_t, int64_t, int64_t, T, ConstMatrix<T>, int64_t, ConstMatrix<T>,       \
                           int64_t, T, Matrix<T>, int64_t, const Finish*);                                       \
  template void gemm_pointers(int64_t, int64_t, int64_t, int64_t, T, const T* const*, int64_t, int64_t,          \
                              const T* const*, int64_t, int64_t, T, T* const*, int64_t, int64_t)
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
