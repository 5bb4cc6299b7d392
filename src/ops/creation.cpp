#include <algorithm>
#include <cmath>

#include "ops/convert.h"

namespace nngpu {
namespace {

using graph::IotaParams;
using ops::make_node;
using ops::OpKind;

Tensor iota(const Tensor& start, const Tensor& step, int64_t count) {
  return make_node(OpKind::Iota, IotaParams{count, static_cast<int64_t>(start.dtype())}, {start, step});
}

// start, start + 1, ... in i64: positions, which masks compare.
Tensor positions(int64_t start, int64_t count, Device device) {
  return iota(ops::scalar_int("iota", start, DType::I64, device), ops::scalar_int("iota", 1, DType::I64, device),
              count);
}

void require_number_dtype(const char* operation, DType dtype) {
  if (dtype == DType::Bool) fail<DTypeError>(operation, "no ranges of ", dtype);
}

void require_count(const char* operation, int64_t count) {
  if (count < 0) fail<ValueError>(operation, "negative count: ", count);
}

// Ranges of half types, which have too few digits to step in, are made in f32; of integers in i64, because the
// step of a range of u8 may be negative.
DType stepping_dtype(DType dtype) { return is_floating(dtype) ? promote(dtype, DType::F32) : DType::I64; }

// Whether column j of row i satisfies `relation`(j, i + offset): (n, m) bools.
template <class Relation>
Tensor mask(const char* operation, int64_t n, int64_t m, int64_t offset, Device device, Relation relation) {
  if (m < 0) m = n;
  require_count(operation, n);
  const Tensor rows =
      expand_dims(positions(0, n, device), 1) + ops::scalar_int(operation, offset, DType::I64, device);
  return relation(positions(0, m, device), rows);
}

// Elements of x where the mask keeps them, else zero.
Tensor masked(const char* operation, const Tensor& x, int64_t offset, bool lower) {
  graph::require_defined(operation, x);
  if (x.rank() < 2) fail<ShapeError>(operation, "needs at least two dimensions: ", x.shape());
  const auto keep = [lower](const Tensor& column, const Tensor& row) {
    return lower ? column <= row : column >= row;
  };
  return where(mask(operation, x.size(-2), x.size(-1), offset, x.device(), keep), x, ops::scalar_like(x, 0));
}

}  // namespace

Tensor full(const Shape& shape, double value, DType dtype, Device device) {
  return broadcast_to(ops::scalar("full", value, dtype, device), shape);
}

Tensor full_int(const Shape& shape, int64_t value, DType dtype, Device device) {
  return broadcast_to(ops::scalar_int("full_int", value, dtype, device), shape);
}

Tensor zeros(const Shape& shape, DType dtype, Device device) { return full_int(shape, 0, dtype, device); }
Tensor ones(const Shape& shape, DType dtype, Device device) { return full_int(shape, 1, dtype, device); }

Tensor zeros_like(const Tensor& x) {
  graph::require_defined("zeros_like", x);
  return zeros(x.shape(), x.dtype(), x.device());
}

Tensor ones_like(const Tensor& x) {
  graph::require_defined("ones_like", x);
  return ones(x.shape(), x.dtype(), x.device());
}

Tensor full_like(const Tensor& x, double value) {
  graph::require_defined("full_like", x);
  return full(x.shape(), value, x.dtype(), x.device());
}

Tensor arange(double start, double stop, double step, DType dtype, Device device) {
  require_number_dtype("arange", dtype);
  if (step == 0) fail<ValueError>("arange", "step is zero");
  const double steps = std::ceil((stop - start) / step);
  // The comparison is false for NaN.
  if (!(steps < 0x1p62) || !std::isfinite(start) || !std::isfinite(step))
    fail<ValueError>("arange", "no finite range: start ", start, ", stop ", stop, ", step ", step);
  const double count = std::max(steps, 0.0);
  const DType stepping = stepping_dtype(dtype);
  if (count > 0)
    for (double end : {start, start + (count - 1) * step}) ops::scalar("arange", end, dtype, device);  // both fit
  return cast(iota(ops::scalar("arange", start, stepping, device), ops::scalar("arange", step, stepping, device),
                   static_cast<int64_t>(count)),
              dtype);
}

Tensor arange_int(int64_t start, int64_t stop, int64_t step, DType dtype, Device device) {
  require_number_dtype("arange_int", dtype);
  if (step == 0) fail<ValueError>("arange_int", "step is zero");
  const __int128 distance = step > 0 ? static_cast<__int128>(stop) - start : static_cast<__int128>(start) - stop;
  const __int128 width = step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step);
  const __int128 count = distance > 0 ? (distance + width - 1) / width : 0;
  if (count > INT64_MAX) fail<ValueError>("arange_int", "too many elements: start ", start, ", stop ", stop);
  const DType stepping = stepping_dtype(dtype);
  const auto last = static_cast<int64_t>(start + (count - 1) * step);
  if (count > 0)
    for (int64_t end : {start, last}) ops::scalar_int("arange_int", end, dtype, device);  // both fit
  return cast(iota(ops::scalar_int("arange_int", start, stepping, device),
                   ops::scalar_int("arange_int", step, stepping, device), static_cast<int64_t>(count)),
              dtype);
}

Tensor linspace(double start, double stop, int64_t count, DType dtype, Device device) {
  if (!is_floating(dtype)) fail<DTypeError>("linspace", "needs a floating dtype: ", dtype);
  require_count("linspace", count);
  if (!std::isfinite(start) || !std::isfinite(stop))
    fail<ValueError>("linspace", "ends must be finite: ", start, ", ", stop);
  const DType stepping = stepping_dtype(dtype);
  const auto constant = [&](double value) { return ops::scalar("linspace", value, stepping, device); };
  const double step =
      count > 1 ? stop / static_cast<double>(count - 1) - start / static_cast<double>(count - 1) : 0;
  const Tensor values = iota(constant(start), constant(step), count);
  // Rounding may leave the last value next to `stop`; it is set. A single value is the start.
  const Tensor last = count > 1 ? where(positions(0, count, device) == count - 1, constant(stop), values) : values;
  return cast(last, dtype);
}

Tensor eye(int64_t n, int64_t m, int64_t offset, DType dtype, Device device) {
  return cast(
      mask("eye", n, m, offset, device, [](const Tensor& column, const Tensor& row) { return column == row; }),
      dtype);
}

Tensor tri(int64_t n, int64_t m, int64_t offset, DType dtype, Device device) {
  return cast(
      mask("tri", n, m, offset, device, [](const Tensor& column, const Tensor& row) { return column <= row; }),
      dtype);
}

Tensor tril(const Tensor& x, int64_t offset) { return masked("tril", x, offset, true); }
Tensor triu(const Tensor& x, int64_t offset) { return masked("triu", x, offset, false); }

}  // namespace nngpu
