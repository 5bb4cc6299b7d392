// Products of the dtypes BLAS does not know.
#include <algorithm>
#include <type_traits>

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/copy.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/matmul.h"
#include "backend/cpu/launches/scratch_frame.h"

namespace nngpu::cpu {
namespace {

using graph::Operand;

constexpr int64_t kRows = 4;       // rows of the result computed together
constexpr int64_t kColumns = 128;  // and columns

// The distinct elements of an operand: broadcast axes count once.
Shape distinct_shape(const Operand& x) {
  Shape shape = x.shape;
  for (int i = 0; i < shape.size(); ++i)
    if (x.strides[i] == 0) shape[i] = std::min<int64_t>(1, shape[i]);
  return shape;
}

// A row-major copy of the distinct elements, described as an operand of x's shape.
template <class T>
Operand packed(const Operand& x, const RunContext& context, ScratchFrame& scratch, const T*& data) {
  Operand out = x;
  const Shape shape = distinct_shape(x);
  out.strides = contiguous_strides(shape);
  T* to = scratch.get<T>(element_count(shape));
  copy_strided(sizeof(T), shape, context.at(x), x.strides, reinterpret_cast<char*>(to), out.strides);
  for (int i = 0; i < shape.size(); ++i)
    if (shape[i] == 1) out.strides[i] = x.shape[i] == 1 ? out.strides[i] : 0;
  data = to;
  return out;
}

template <class T>
Operand widened(const Operand& x, const RunContext& context, ScratchFrame& scratch, const float*& data) {
  const int64_t count = element_count(distinct_shape(x));
  float* to = scratch.get<float>(count);
  ScratchFrame inner;
  const T* from = nullptr;
  const Operand out = packed<T>(x, context, inner, from);
  parallel_for(count, 32768, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = widen(from[i]);
  });
  data = to;
  return out;
}

template <class T>
void half_item(const Item& item, const RunContext& context) {
  const Operand& out = item.outputs[0];
  ScratchFrame scratch;
  const float *a_data = nullptr, *b_data = nullptr;
  const Operand a = widened<T>(item.inputs[0], context, scratch, a_data);
  const Operand b = widened<T>(item.inputs[1], context, scratch, b_data);
  Operand c = out;
  c.strides = contiguous_strides(out.shape);
  const int64_t count = element_count(out.shape);
  float* c_data = scratch.get<float>(count);
  matmul_real<float>(MatmulShape(a, b, c), const_matrix(a, a_data), const_matrix(b, b_data),
                     mutable_matrix(c, c_data));
  const bool direct = c.strides == out.strides;
  T* rounded = direct ? context.at<T>(out) : scratch.get<T>(count);
  parallel_for(count, 32768, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) rounded[i] = narrow<T>(c_data[i]);
  });
  if (!direct)
    copy_strided(sizeof(T), out.shape, reinterpret_cast<const char*>(rounded), c.strides, context.at(out),
                 out.strides);
}

// kRows x columns of c = a * b, with b's rows contiguous. Sums wrap, in unsigned arithmetic.
template <class T>
void integer_tile(int64_t rows, int64_t columns, int64_t k, ConstMatrix<T> a, const T* b, int64_t b_rows,
                  Matrix<T> c) {
  using Sum = std::conditional_t<sizeof(T) == 8, uint64_t, std::conditional_t<sizeof(T) == 1, uint8_t, uint32_t>>;
  Sum sums[kRows][kColumns] = {};
  for (int64_t p = 0; p < k; ++p) {
    const T* row = b + p * b_rows;
    for (int64_t i = 0; i < rows; ++i) {
      const Sum factor = static_cast<Sum>(a.data[i * a.rs + p * a.cs]);
      for (int64_t j = 0; j < columns; ++j) {
        if constexpr (std::is_same_v<T, bool>)
          sums[i][j] |= factor & static_cast<Sum>(row[j]);
        else
          sums[i][j] += factor * static_cast<Sum>(row[j]);
      }
    }
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) c.data[i * c.rs + j * c.cs] = static_cast<T>(sums[i][j]);
}

template <class T>
void integer_item(const Item& item, const RunContext& context) {
  const Operand &a = item.inputs[0], &c = item.outputs[0];
  Operand b = item.inputs[1];
  ScratchFrame scratch;
  const T* b_data = context.at<T>(b);
  if (b.strides.back() != 1 && b.shape.back() != 1) b = packed<T>(b, context, scratch, b_data);
  const MatmulShape shape(a, b, c);
  if (shape.empty()) return;
  const ConstMatrix<T> am = const_matrix(a, static_cast<const T*>(context.at<T>(a)));
  const Matrix<T> cm = mutable_matrix(c, context.at<T>(c));
  const int64_t b_rows = b.strides[b.shape.size() - 2];
  const int64_t row_tiles = (shape.m + kRows - 1) / kRows, column_tiles = (shape.n + kColumns - 1) / kColumns;
  const int64_t work = kRows * std::min(kColumns, shape.n) * std::max<int64_t>(1, shape.k);
  for_pairs(shape.batch, row_tiles * column_tiles, line_grain(work),
            [&](const int64_t(&at)[3], int64_t begin, int64_t end) {
              for (int64_t tile = begin; tile < end; ++tile) {
                const int64_t i = tile % row_tiles * kRows, j = tile / row_tiles * kColumns;
                integer_tile<T>(std::min(kRows, shape.m - i), std::min(kColumns, shape.n - j), shape.k,
                                {am.data + at[0] + i * am.rs, am.rs, am.cs}, b_data + at[1] + j, b_rows,
                                {cm.data + at[2] + i * cm.rs + j * cm.cs, cm.rs, cm.cs});
              }
            });
}

}  // namespace

void matmul_half(const Item& item, const RunContext& context) {
  if (item.outputs[0].dtype == DType::F16)
    half_item<Half>(item, context);
  else
    half_item<BFloat16>(item, context);
}

void matmul_integer(const Item& item, const RunContext& context) {
  visit_dtype(item.outputs[0].dtype, [&]<class T>() {
    if constexpr (!is_floating_type<T>) integer_item<T>(item, context);
  });
}

}  // namespace nngpu::cpu
