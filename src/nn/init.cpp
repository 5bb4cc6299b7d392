#include "nngpu/nn/init.h"

#include <cmath>

#include "core/fail.h"
#include "nngpu/linalg.h"
#include "nngpu/ops.h"

namespace nngpu::nn::init {
namespace {

struct Fans {
  double in, out;
};

Fans fans_of(const char* operation, const Shape& shape) {
  if (shape.size() < 2) fail<ShapeError>(operation, "needs an axis of outputs and one of inputs: ", shape);
  double kernel = 1;
  for (int i = 2; i < shape.size(); ++i) kernel *= static_cast<double>(shape[i]);
  return {static_cast<double>(shape[1]) * kernel, static_cast<double>(shape[0]) * kernel};
}

// sqrt(1 / fan) of a weight without elements would be infinite; there is nothing to fill then.
double inverse_root(double fan) { return fan > 0 ? std::sqrt(1 / fan) : 0; }

double kaiming_scale(const char* operation, const Shape& shape, double a, Fan fan) {
  const Fans fans = fans_of(operation, shape);
  return std::sqrt(1 / (1 + a * a)) * inverse_root(fan == Fan::In ? fans.in : fans.out);
}

double normal_distribution(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

// x with erf(x) = y, for f64 within (-1, 1): the approximation of Winitzki (2008), then steps of Newton's method.
Tensor inverse_erf(const Tensor& y) {
  constexpr double kA = 0.147;
  const Tensor log_rest = log1p(-square(y));
  const Tensor half = log_rest * 0.5 + 2 / (M_PI * kA);
  Tensor x = copysign(sqrt(sqrt(square(half) - log_rest / kA) - half), y);
  for (int step = 0; step < 3; ++step) x = x - (erf(x) - y) * exp(square(x)) * (std::sqrt(M_PI) / 2);
  return x;
}

}  // namespace

Tensor constant(const Shape& shape, double value) { return full(shape, value); }

Tensor uniform(const Shape& shape, double low, double high, Generator generator) {
  return nngpu::uniform(shape, low, high, DType::F32, generator);
}

Tensor normal(const Shape& shape, double mean, double stddev, Generator generator) {
  return nngpu::normal(shape, mean, stddev, DType::F32, generator);
}

Tensor truncated_normal(const Shape& shape, double mean, double stddev, double low, double high,
                        Generator generator) {
  if (!(low < high)) fail<ValueError>("truncated_normal", "no interval: low ", low, ", high ", high);
  if (!(stddev > 0)) fail<ValueError>("truncated_normal", "stddev must be positive: ", stddev);
  const double first = normal_distribution((low - mean) / stddev),
               last = normal_distribution((high - mean) / stddev);
  // Beyond 8 deviations doubles do not tell the distribution function from 0 and 1.
  if (!(last - first > 1e-15)) {
    fail<ValueError>("truncated_normal", "hardly anything of the distribution lies within low ", low, ", high ",
                     high);
  }
  const Tensor level = nngpu::uniform(shape, 2 * first - 1, 2 * last - 1, DType::F64, generator);
  const Tensor x = inverse_erf(clip(level, -1 + 1e-15, 1 - 1e-15)) * (stddev * std::sqrt(2.0)) + mean;
  return cast(clip(x, low, high), DType::F32);
}

Tensor xavier_uniform(const Shape& shape, double gain, Generator generator) {
  const Fans fans = fans_of("xavier_uniform", shape);
  const double bound = std::abs(gain) * std::sqrt(6.0) * inverse_root(fans.in + fans.out);
  return uniform(shape, -bound, bound, generator);
}

Tensor xavier_normal(const Shape& shape, double gain, Generator generator) {
  const Fans fans = fans_of("xavier_normal", shape);
  return normal(shape, 0, std::abs(gain) * std::sqrt(2.0) * inverse_root(fans.in + fans.out), generator);
}

Tensor kaiming_uniform(const Shape& shape, double a, Fan fan, Generator generator) {
  const double bound = std::sqrt(6.0) * kaiming_scale("kaiming_uniform", shape, a, fan);
  return uniform(shape, -bound, bound, generator);
}

Tensor kaiming_normal(const Shape& shape, double a, Fan fan, Generator generator) {
  return normal(shape, 0, std::sqrt(2.0) * kaiming_scale("kaiming_normal", shape, a, fan), generator);
}

Tensor orthogonal(const Shape& shape, double gain, Generator generator) {
  fans_of("orthogonal", shape);
  const int64_t rows = shape[0], columns = numel(shape) / std::max<int64_t>(rows, 1);
  if (rows * columns == 0) return zeros(shape);
  const bool wide = rows < columns;
  const Shape tall = wide ? Shape{columns, rows} : Shape{rows, columns};
  const linalg::Qr factors = linalg::qr(normal(tall, 0, 1, generator));
  // The signs of R's diagonal make the distribution uniform over orthogonal matrices (Mezzadri, 2007).
  const Tensor signs = where(diagonal(factors.r) < 0, -1.0, 1.0);
  const Tensor q = factors.q * signs * gain;
  return contiguous(reshape(wide ? transpose(q) : q, shape));
}

}  // namespace nngpu::nn::init
