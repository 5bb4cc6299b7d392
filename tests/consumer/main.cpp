// The smallest program that uses an installed nngpu: it must compile against the public headers alone, link and
// run.
#include <nngpu/nngpu.h>

#include <cstdio>
#include <exception>

int main() {
  namespace ng = nngpu;
  // 2 x 2 products run through BLAS or our kernels, errors cross the library's border as their own type.
  const ng::Tensor a = ng::ones({2, 3});
  const ng::Tensor b = ng::ones({3, 2});
  const double total = ng::sum(ng::matmul(a, b)).item<double>();
  if (total != 12.0) {
    std::fprintf(stderr, "sum of ones(2, 3) x ones(3, 2) is 12, got %g\n", total);
    return 1;
  }
  try {
    ng::matmul(a, a);
  } catch (const ng::ShapeError&) {
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "expected nngpu::ShapeError, got: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "matmul of (2, 3) x (2, 3) did not throw\n");
  return 1;
}
