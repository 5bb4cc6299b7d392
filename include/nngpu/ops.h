// Operations on tensors. All are lazy, check their arguments at the call, broadcast as NumPy does and promote
// dtypes by the rule in dtype.h. Axes may be negative. Errors: ShapeError, DTypeError, DeviceError, ValueError,
// IndexError.
#ifndef NNGPU_OPS_H_
#define NNGPU_OPS_H_

#include <optional>
#include <string>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu {

// --- Creation -------------------------------------------------------------------------------------------------

Tensor zeros(const Shape& shape, DType dtype = DType::F32, Device device = default_device());
Tensor ones(const Shape& shape, DType dtype = DType::F32, Device device = default_device());
Tensor full(const Shape& shape, double value, DType dtype = DType::F32, Device device = default_device());
Tensor full_int(const Shape& shape, int64_t value, DType dtype = DType::I64, Device device = default_device());
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, double value);
// start, start + step, ... below stop (above it for a negative step).
Tensor arange(double start, double stop, double step = 1, DType dtype = DType::F32,
              Device device = default_device());
Tensor arange_int(int64_t start, int64_t stop, int64_t step = 1, DType dtype = DType::I64,
                  Device device = default_device());
// `count` values from start to stop, both included.
Tensor linspace(double start, double stop, int64_t count, DType dtype = DType::F32,
                Device device = default_device());
// Ones on diagonal `offset`: (n, m), m = n by default.
Tensor eye(int64_t n, int64_t m = -1, int64_t offset = 0, DType dtype = DType::F32,
           Device device = default_device());
// Ones at and below diagonal `offset`.
Tensor tri(int64_t n, int64_t m = -1, int64_t offset = 0, DType dtype = DType::F32,
           Device device = default_device());
// The last two axes with everything above (tril) or below (triu) diagonal `offset` set to zero.
Tensor tril(const Tensor& x, int64_t offset = 0);
Tensor triu(const Tensor& x, int64_t offset = 0);

// --- Elementwise ----------------------------------------------------------------------------------------------

// Operands take the dtype of promote(). Arithmetic on two bools, and of one, is done in i64 (true + true is 2). A
// number takes the tensor's dtype and must fit it: ValueError for `u8_tensor + 300`.
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);  // true division: integers give f32
Tensor operator%(const Tensor& a, const Tensor& b);  // sign of the divisor, as in Python
Tensor operator==(const Tensor& a, const Tensor& b);
Tensor operator!=(const Tensor& a, const Tensor& b);
Tensor operator<(const Tensor& a, const Tensor& b);
Tensor operator<=(const Tensor& a, const Tensor& b);
Tensor operator>(const Tensor& a, const Tensor& b);
Tensor operator>=(const Tensor& a, const Tensor& b);
Tensor operator&(const Tensor& a, const Tensor& b);  // bool or integer
Tensor operator|(const Tensor& a, const Tensor& b);
Tensor operator^(const Tensor& a, const Tensor& b);
Tensor operator<<(const Tensor& a, const Tensor& b);  // integer shifts
Tensor operator>>(const Tensor& a, const Tensor& b);
Tensor operator&&(const Tensor& a, const Tensor& b);  // nonzero is true; gives bool; both sides are evaluated
Tensor operator||(const Tensor& a, const Tensor& b);

// The functions of src/ops/elementwise.def. Mathematical functions of integers compute in f32.
Tensor negative(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor sign(const Tensor& x);
Tensor square(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor cbrt(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor exp2(const Tensor& x);
Tensor expm1(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor asin(const Tensor& x);
Tensor acos(const Tensor& x);
Tensor atan(const Tensor& x);
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor asinh(const Tensor& x);
Tensor acosh(const Tensor& x);
Tensor atanh(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor erfc(const Tensor& x);
Tensor lgamma(const Tensor& x);   // log |gamma(x)|
Tensor sigmoid(const Tensor& x);  // 1 / (1 + exp(-x))
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);  // to nearest, ties to even
Tensor trunc(const Tensor& x);
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);
Tensor logical_not(const Tensor& x);
Tensor bitwise_not(const Tensor& x);
Tensor maximum(const Tensor& a, const Tensor& b);  // NaN if either is NaN
Tensor minimum(const Tensor& a, const Tensor& b);  // NaN if either is NaN
Tensor pow(const Tensor& a,
           const Tensor& b);  // integers: exact, wrapping; negative exponents give 0 (1 and -1 aside)
Tensor atan2(const Tensor& a, const Tensor& b);
Tensor hypot(const Tensor& a, const Tensor& b);
Tensor fmod(const Tensor& a, const Tensor& b);          // sign of the dividend, as in C
Tensor floor_divide(const Tensor& a, const Tensor& b);  // rounds toward minus infinity; integers by zero give 0
Tensor copysign(const Tensor& a, const Tensor& b);

// Composites of the above; fusion makes them one pass.
Tensor relu(const Tensor& x);
Tensor gelu(const Tensor& x);       // exact: x * (1 + erf(x / sqrt(2))) / 2
Tensor gelu_tanh(const Tensor& x);  // the tanh approximation
Tensor silu(const Tensor& x);
Tensor softplus(const Tensor& x);
Tensor logaddexp(const Tensor& a, const Tensor& b);
Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight);

// a * b + c, rounded once.
Tensor fma(const Tensor& a, const Tensor& b, const Tensor& c);
// condition ? a : b.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
// In x's dtype; bounds of integers are rounded inwards.
Tensor clip(const Tensor& x, std::optional<double> low, std::optional<double> high);
// Floating to integer truncates toward zero and saturates (NaN gives 0); to bool is "nonzero".
Tensor cast(const Tensor& x, DType dtype);
Tensor isclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8);

// --- Reductions -----------------------------------------------------------------------------------------------

// Axes to reduce; empty means all of them.
struct Axes {
  Axes() = default;
  Axes(int axis) : dims({axis}) {}
  Axes(int64_t axis) : dims({axis}) {}
  Axes(std::initializer_list<int64_t> axes) : dims(axes) {}
  Axes(const Dims& axes) : dims(axes) {}
  Dims dims;
};

// sum, prod, cumsum and cumprod of bool, u8 and i32 are computed in i64.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor var(const Tensor& x, const Axes& axes = {}, int64_t ddof = 0, bool keepdims = false);
Tensor stddev(const Tensor& x, const Axes& axes = {}, int64_t ddof = 0, bool keepdims = false);
// Mean and variance together, in one pass over x.
struct Moments {
  Tensor mean, var;
};
Moments moments(const Tensor& x, const Axes& axes = {}, int64_t ddof = 0, bool keepdims = false);
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor min(const Tensor& x, const Axes& axes = {}, bool keepdims = false);  // NaN if any is; ValueError if empty
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor any(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor all(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
// The vector norm of order `p` over the axes (2; 1; infinity; 0 counts nonzeros).
Tensor norm(const Tensor& x, double p = 2, const Axes& axes = {}, bool keepdims = false);
// The i64 index of the first smallest (largest) element; NaN wins. Over all elements, flattened, without an axis.
Tensor argmin(const Tensor& x, std::optional<int64_t> axis = std::nullopt, bool keepdims = false);
Tensor argmax(const Tensor& x, std::optional<int64_t> axis = std::nullopt, bool keepdims = false);
Tensor cumsum(const Tensor& x, int64_t axis);
Tensor cumprod(const Tensor& x, int64_t axis);
Tensor softmax(const Tensor& x, int64_t axis = -1);
Tensor log_softmax(const Tensor& x, int64_t axis = -1);

// --- Products -------------------------------------------------------------------------------------------------

// (..., m, k) x (..., k, n) -> (..., m, n) with broadcast batches; a rank-1 operand is a row (left) or a column
// (right), and its axis is dropped again. Integers multiply exactly (wrapping); half types accumulate in f32.
Tensor matmul(const Tensor& a, const Tensor& b);
Tensor dot(const Tensor& a, const Tensor& b);    // of two vectors of equal size, rank 0
Tensor outer(const Tensor& a, const Tensor& b);  // of two vectors
// NumPy's einsum with explicit or implicit output and "..." for broadcast axes.
Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands);

// --- Shape ----------------------------------------------------------------------------------------------------

Tensor reshape(const Tensor& x, const Shape& shape);  // one size may be -1
Tensor flatten(const Tensor& x, int64_t first_axis = 0, int64_t last_axis = -1);
Tensor squeeze(const Tensor& x, const Axes& axes = {});  // all axes of size 1 by default
Tensor expand_dims(const Tensor& x, int64_t axis);
Tensor permute(const Tensor& x, const Dims& axes);
Tensor transpose(const Tensor& x);  // swaps the last two axes; rank >= 2
Tensor swapaxes(const Tensor& x, int64_t a, int64_t b);
Tensor broadcast_to(const Tensor& x, const Shape& shape);
// x[start:stop:step] along `axis` with Python's rules for negative and out-of-range bounds; the step may be
// negative, and then kEnd as the stop means through element 0.
inline constexpr int64_t kEnd = INT64_MAX;
Tensor slice(const Tensor& x, int64_t axis, int64_t start, int64_t stop = kEnd, int64_t step = 1);
Tensor index(const Tensor& x, int64_t axis, int64_t i);  // drops the axis; IndexError out of range
Tensor diagonal(const Tensor& x, int64_t offset = 0);    // of the last two axes, as a last axis
Tensor concatenate(const std::vector<Tensor>& tensors, int64_t axis = 0);
Tensor stack(const std::vector<Tensor>& tensors, int64_t axis = 0);
std::vector<Tensor> split(const Tensor& x, int64_t sections, int64_t axis = 0);          // equal parts
std::vector<Tensor> split_at(const Tensor& x, const Dims& positions, int64_t axis = 0);  // NumPy's split points
enum class PadMode { Constant, Reflect, Replicate };
// One (before, after) pair an axis.
Tensor pad(const Tensor& x, const std::vector<std::pair<int64_t, int64_t>>& widths,
           PadMode mode = PadMode::Constant, double value = 0);
Tensor flip(const Tensor& x, const Axes& axes = {});
Tensor roll(const Tensor& x, int64_t shift, int64_t axis);
Tensor tile(const Tensor& x, const Dims& repeats);
Tensor repeat(const Tensor& x, int64_t repeats, int64_t axis);
// A row-major contiguous copy, or x itself where it is one.
Tensor contiguous(const Tensor& x);

// --- Indexing -------------------------------------------------------------------------------------------------

// Picks x[..., indices[...], ...] along `axis`; the result's shape has indices' shape in that axis's place.
// Indices out of [-n, n) give IndexError when the value is read.
Tensor take(const Tensor& x, const Tensor& indices, int64_t axis = 0);
// out[i, j, k] = x[indices[i, j, k], j, k] for axis 0 and so on; ranks equal, other axes as in indices.
Tensor gather(const Tensor& x, const Tensor& indices, int64_t axis);
// x with updates[i, j, k] added at [indices[i, j, k], j, k]; repeated indices add up in index order.
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int64_t axis);
Tensor sort(const Tensor& x, int64_t axis = -1, bool descending = false);  // stable; NaN last
Tensor argsort(const Tensor& x, int64_t axis = -1, bool descending = false);
struct TopK {
  Tensor values, indices;
};
TopK topk(const Tensor& x, int64_t k, int64_t axis = -1, bool largest = true);  // sorted
Tensor one_hot(const Tensor& indices, int64_t classes, DType dtype = DType::F32);
// The shape of these depends on the data: they compute at the call (a synchronization point).
Tensor nonzero(const Tensor& x);  // (count, rank) i64 indices in row-major order
struct Unique {
  Tensor values, inverse, counts;
};
// The sorted different values of the flattened tensor (NaN is one value, and last), their counts, and for each
// element of x the position of its value: inverse has x's shape, and take(values, inverse) is x.
Unique unique(const Tensor& x);

}  // namespace nngpu

#endif  // NNGPU_OPS_H_
