// Parameters of operations. Each is a plain struct of 64-bit words without padding, so that equal parameters are
// equal words: the plan cache compares and hashes them as such.
#ifndef NNGPU_GRAPH_PARAMS_H_
#define NNGPU_GRAPH_PARAMS_H_

#include <bit>
#include <cstring>
#include <type_traits>

#include "nngpu/ops.h"
#include "ops/elementwise.h"

namespace nngpu::graph {

struct ConstantParams {
  int64_t dtype;  // DType
  int64_t weak;   // a number written in an expression: it takes the other operand's dtype
  int64_t bits;   // the value: a double's bits for floating dtypes, else the integer
};
struct PlaceholderParams {
  int64_t index;
  int64_t number;  // 1: a number given anew at each replay, as a generator's offset; it belongs to every device
};
struct ElementwiseParams {
  Elementwise code;
  int64_t dtype;  // of the result, for Cast
};
enum class Reduction : int64_t { Sum, Prod, Min, Max, Any, All, LogSumExp, Moments };
inline constexpr int kReductionCount = 8;
struct ReduceParams {
  Reduction code;
  int64_t axes;  // bit mask
  int64_t keepdims;
  int64_t ddof = 0;  // Moments: the variance is divided by the count less this, or by 0
};
struct ArgReduceParams {
  int64_t axis, largest, keepdims;
};
struct ScanParams {
  Reduction code;  // Sum or Prod
  int64_t axis;
};
struct SoftmaxParams {
  int64_t axis, log;
};
struct NormalizeParams {
  int64_t axes;          // how many trailing axes are normalised
  int64_t rms;           // 1: divided by the root of the mean square, without taking the mean off
  int64_t weight, bias;  // 1: is among the inputs
  int64_t epsilon;       // the bits of a double
};
// What a mask of attention says of a score.
enum class AttentionMask : int64_t { None, Added, Allowed };
struct AttentionParams {
  AttentionMask mask;
  int64_t causal;  // 1: query i sees the keys 0 to i
  int64_t scale;   // the bits of a double
};
struct ShapeParams {
  Shape shape;
};
struct PermuteParams {
  Dims axes;
};
struct SliceParams {
  Dims start, size, step;
};
struct DiagonalParams {
  int64_t offset;
};
struct TieParams {
  int64_t count;  // how many of the inputs are outputs, too; the others are only waited for
};
struct AxisParams {
  int64_t axis;
};
struct PadParams {
  int64_t mode;  // PadMode
  Dims before, after;
};
struct IotaParams {
  int64_t count, dtype;
};
struct SortParams {
  int64_t axis, descending;
};
struct TopKParams {
  int64_t k, axis, largest;
};
enum class Distribution : int64_t { Bits, Uniform, Normal, Integer, Bernoulli };
struct RandomParams {
  Distribution distribution;
  int64_t dtype;
  Shape shape;
};
struct LinalgParams {
  int64_t check = 1;  // 1: a bad value throws at the read; 2: only a NaN or infinity in the input does (a singular
                      // matrix is fine); 0: nothing throws
  int64_t vectors = 1;  // Eigh, Svd
  int64_t full = 0;     // Qr: complete; Svd: full matrices
  int64_t upper = 0;    // Cholesky
};
struct TriangularParams {
  int64_t upper, transpose, unit_diagonal;
};

// Lists of two are (height, width) everywhere below.
enum class ConvolutionMode : int64_t { Forward, InputGradient, WeightGradient };
struct ConvolutionParams {
  ConvolutionMode mode;
  int64_t groups;
  int64_t stride[2], dilation[2];
  int64_t low[2], high[2];  // zeros around x; high only says how large the forward result is, and may be negative
  int64_t size[2];          // of the gradients: what they are large, as x or as w; else zero
};
enum class Pooling : int64_t { Max, Average, AdaptiveMax, AdaptiveAverage };
constexpr bool is_max(Pooling pooling) { return pooling == Pooling::Max || pooling == Pooling::AdaptiveMax; }
constexpr bool is_adaptive(Pooling pooling) { return pooling >= Pooling::AdaptiveMax; }
// Window (i, j) of a plane starts at i * stride - low. An adaptive one covers [i * n / o, ceil((i + 1) * n / o))
// of n elements for o results, and has no parameters but `size`.
struct PoolParams {
  Pooling pooling;
  int64_t count_padding;  // an average divides by the window with its part over the padding
  int64_t window[2], stride[2], dilation[2];
  int64_t low[2], high[2];
  int64_t size[2];  // of the result: y's, or of the gradient x's
};

struct CustomParams {
  int64_t kernel, call;  // custom.h
};

class Params {
 public:
  Params() = default;
  template <class P, class = std::enable_if_t<!std::is_same_v<P, Params>>>
  Params(const P& params) : count_(sizeof(P) / 8) {  // NOLINT: implicit by design
    static_assert(std::is_trivially_copyable_v<P> && sizeof(P) % 8 == 0 && sizeof(P) <= sizeof(words_));
    std::memcpy(words_, &params, sizeof(P));
  }
  // The caller knows the type from the operation's kind.
  template <class P>
  const P& as() const {
    return *reinterpret_cast<const P*>(words_);
  }
  const uint64_t* words() const { return words_; }
  int count() const { return count_; }

 private:
  alignas(8) uint64_t words_[27];  // the largest: SliceParams; only the first count_ are meaningful
  int count_ = 0;
};

inline double constant_as_double(const ConstantParams& p) {
  return is_floating(static_cast<DType>(p.dtype)) ? std::bit_cast<double>(p.bits) : static_cast<double>(p.bits);
}

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_PARAMS_H_
