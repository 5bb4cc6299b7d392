#include "nngpu/special.h"

#include <cmath>

#include "ops/convert.h"

namespace nngpu {
namespace {

// For x >= 1/2.
Tensor digamma_positive(const Tensor& x) {
  // psi(x) = psi(x + 8) - sum of 1 / (x + i): two fractions at a time, for fewer divisions.
  Tensor fractions;
  for (int i = 0; i < 8; i += 2) {
    const Tensor low = x + i, high = x + (i + 1);
    const Tensor pair = (low + high) / (low * high);
    fractions = fractions.defined() ? fractions + pair : pair;
  }
  const Tensor z = x + 8, w = reciprocal(square(z));
  // Bernoulli numbers B(2k) / 2k, from the last.
  constexpr double kTerms[] = {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12};
  Tensor series = w * kTerms[6];
  for (int k = 5; k >= 0; --k) series = w * (series + kTerms[k]);
  return log(z) - 0.5 / z - series - fractions;
}

}  // namespace

Tensor digamma(const Tensor& x) {
  const Tensor wide = ops::as_accumulator("digamma", x);
  const Tensor reflects = wide < 0.5;
  const Tensor positive = digamma_positive(where(reflects, 1 - wide, wide));
  // The tangent has the period 1: of the fraction alone it is accurate for large x, too.
  const Tensor fraction = where(reflects, wide - round(wide), 0.25);
  const Tensor reflected = positive - M_PI / tan(fraction * M_PI);
  const Tensor pole = (wide <= 0) & (wide == floor(wide));
  const Tensor result = where(pole, NAN, where(reflects, reflected, positive));
  return ops::convert("digamma", result, float_dtype(x.dtype()));
}

}  // namespace nngpu
