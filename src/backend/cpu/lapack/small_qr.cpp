// QR factorisation of small matrices by Householder reflectors, one matrix a lane.
#include "backend/cpu/lapack/small.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lapack/small_qr.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include "backend/cpu/lapack/small_reflect-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// Factors a in place (R above, reflectors below); the matrix has been scaled to size 1.
template <class T>
HWY_NOINLINE void factor_qr(int m, int n, View<T> a, T* taus) {
  for (int k = 0; k < std::min(m, n); ++k) {
    const Vec<T> tau = make_reflector(a.at(k, k), a.rs, m - k);
    store(tau, taus + k * kLanes<T>);
    apply_reflector(a.at(k, k), a.rs, m - k, tau, n - k - 1, a.from(k, k + 1));
  }
}

template <class T>
void qr_items(int64_t begin, int64_t end, int m, int n, bool complete, Batch<T> batch, Batch<T> q_batch,
              Batch<T> r_batch) {
  Arena<T> arena(2, 1);
  const int least = std::min(m, n), k = complete ? m : least;
  const View<T> a = arena.columns(m, n), q = arena.columns(m, k);
  T* taus = arena.vector();
  each_group<T>(begin, end, [&](Group group) HWY_ATTR {
    load_group<T>(group, m, n, batch, a);
    Vec<T> bad;
    const Vec<T> scale = power_of_two_inverse<T>(largest(m, n, a, false, bad));
    multiply(m, n, a, scale);
    factor_qr(m, n, a, taus);
    if (q_batch.data != nullptr) {
      form_q(m, k, least, 0, a, taus, q);
      store_group(group, m, k, q, q_batch);
    }
    const Vec<T> back = power_of_two_inverse<T>(scale), zero = hn::Zero(Tag<T>());
    for (int j = 0; j < n; ++j) {
      for (int i = 0; i < k; ++i) a.put(i, j, i <= j ? hn::Mul(a.get(i, j), back) : zero);
    }
    store_group(group, k, n, a, r_batch);
  });
}

void qr_f32(int64_t begin, int64_t end, int m, int n, bool complete, Batch<float> a, Batch<float> q,
            Batch<float> r) {
  qr_items(begin, end, m, n, complete, a, q, r);
}
void qr_f64(int64_t begin, int64_t end, int m, int n, bool complete, Batch<double> a, Batch<double> q,
            Batch<double> r) {
  qr_items(begin, end, m, n, complete, a, q, r);
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu::small {

HWY_EXPORT(qr_f32);
HWY_EXPORT(qr_f64);

template <class T>
void qr(int64_t count, int64_t m, int64_t n, bool complete, Batch<T> a, Batch<T> q, Batch<T> r) {
  const int rows = static_cast<int>(m), columns = static_cast<int>(n);
  for_groups<T>(count, 20.0 + 1.0 * m * n, [&](int64_t begin, int64_t end) {
    if constexpr (sizeof(T) == 4) {
      HWY_DYNAMIC_DISPATCH(qr_f32)(begin, end, rows, columns, complete, a, q, r);
    } else {
      HWY_DYNAMIC_DISPATCH(qr_f64)(begin, end, rows, columns, complete, a, q, r);
    }
  });
}

template void qr<float>(int64_t, int64_t, int64_t, bool, Batch<float>, Batch<float>, Batch<float>);
template void qr<double>(int64_t, int64_t, int64_t, bool, Batch<double>, Batch<double>, Batch<double>);

}  // namespace nngpu::cpu::small
#endif  // HWY_ONCE
