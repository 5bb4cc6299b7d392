#include "nngpu/random.h"

#include <cmath>

#include "graph/trace.h"
#include "ops/convert.h"
#include "ops/generator.h"

namespace nngpu {
namespace {

using graph::Distribution;
using graph::make_constant;
using graph::make_constant_int;

// Draws from the generator. The parameters are constants, so they are run-time inputs of plans.
Tensor draw(Distribution distribution, const Shape& shape, DType dtype, double p0, double p1,
            const Generator& generator) {
  const int64_t count = numel(shape);
  const auto [seed, offset] = graph::draw_blocks(generator.state(), philox_blocks(dtype, count));
  return graph::make_node(graph::OpKind::Random,
                          graph::RandomParams{distribution, static_cast<int64_t>(dtype), shape},
                          {seed, offset, make_constant(p0, DType::F64), make_constant(p1, DType::F64)});
}

void require_floating_dtype(const char* operation, DType dtype) {
  if (!is_floating(dtype)) fail<DTypeError>(operation, "needs a floating dtype: ", dtype);
}

}  // namespace

Generator::Generator(uint64_t seed) : state_(std::make_shared<State>()) { state_->seed = seed; }

void Generator::seed(uint64_t seed) {
  const std::lock_guard lock(state_->mutex);
  state_->seed = seed;
  state_->offset = 0;
}

uint64_t Generator::seed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->seed;
}

uint64_t Generator::offset() const {
  const std::lock_guard lock(state_->mutex);
  return state_->offset;
}

void Generator::set_offset(uint64_t offset) {
  const std::lock_guard lock(state_->mutex);
  state_->offset = offset;
}

Generator& default_generator() {
  static Generator generator;
  return generator;
}

void manual_seed(uint64_t seed) { default_generator().seed(seed); }

Tensor rand(const Shape& shape, DType dtype, Generator generator) {
  require_floating_dtype("rand", dtype);
  return draw(Distribution::Uniform, shape, dtype, 0, 1, generator);
}

Tensor uniform(const Shape& shape, double low, double high, DType dtype, Generator generator) {
  require_floating_dtype("uniform", dtype);
  if (!(low <= high) || !std::isfinite(low) || !std::isfinite(high))
    fail<ValueError>("uniform", "no interval: low ", low, ", high ", high);
  return draw(Distribution::Uniform, shape, dtype, low, high, generator);
}

Tensor randn(const Shape& shape, DType dtype, Generator generator) {
  require_floating_dtype("randn", dtype);
  return draw(Distribution::Normal, shape, dtype, 0, 1, generator);
}

Tensor normal(const Shape& shape, double mean, double stddev, DType dtype, Generator generator) {
  require_floating_dtype("normal", dtype);
  if (!(stddev >= 0) || !std::isfinite(stddev) || !std::isfinite(mean))
    fail<ValueError>("normal", "no distribution: mean ", mean, ", stddev ", stddev);
  return draw(Distribution::Normal, shape, dtype, mean, stddev, generator);
}

Tensor randint(int64_t low, int64_t high, const Shape& shape, DType dtype, Generator generator) {
  if (!is_integer(dtype)) fail<DTypeError>("randint", "needs an integer dtype: ", dtype);
  if (low >= high) fail<ValueError>("randint", "no integers: low ", low, ", high ", high);
  for (int64_t end : {low, high - 1}) ops::scalar_int("randint", end, dtype, default_device());
  constexpr int64_t kExact = int64_t{1} << 53;  // the bounds travel as doubles
  if (low < -kExact || high > kExact) fail<ValueError>("randint", "beyond 2^53: low ", low, ", high ", high);
  return draw(Distribution::Integer, shape, dtype, static_cast<double>(low), static_cast<double>(high), generator);
}

Tensor permutation(int64_t n, Generator generator) {
  if (n < 0) fail<ValueError>("permutation", "negative count: ", n);
  // Sorting random 63-bit keys; equal ones, which hardly occur, keep their order.
  return argsort(draw(Distribution::Bits, {n}, DType::I64, 0, 0, generator));
}

Tensor bernoulli(const Shape& shape, double p, Generator generator) {
  if (!(p >= 0 && p <= 1)) fail<ValueError>("bernoulli", "no probability: ", p);
  return draw(Distribution::Bernoulli, shape, DType::Bool, p, 0, generator);
}

}  // namespace nngpu
