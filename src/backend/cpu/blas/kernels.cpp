#include "backend/cpu/blas/kernels.h"

#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/blas/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/blas/gemv-inl.h"
#include "backend/cpu/blas/pack-inl.h"
#include "backend/cpu/blas/tile-inl.h"
#include "backend/cpu/blas/triangle-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {

template <class T>
Kernels<T> make_table() {
  Kernels<T> table{};
  fill_tiles(table);
  fill_triangles<T, kTileColumns>(table);
  table.pack = &pack<T>;
  table.gemv_columns = &gemv_columns<T>;
  table.gemv_rows = &gemv_rows<T>;
  return table;
}

Kernels<float> float_table() { return make_table<float>(); }
Kernels<double> double_table() { return make_table<double>(); }

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {

HWY_EXPORT(float_table);
HWY_EXPORT(double_table);

template <>
const Kernels<float>& kernels() {
  static const Kernels<float> table = HWY_DYNAMIC_DISPATCH(float_table)();
  return table;
}

template <>
const Kernels<double>& kernels() {
  static const Kernels<double> table = HWY_DYNAMIC_DISPATCH(double_table)();
  return table;
}

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
