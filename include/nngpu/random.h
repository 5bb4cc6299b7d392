// Random numbers from a counter-based generator (Philox 4x32-10, Salmon et al., SC 2011): the same seed and offset
// give the same numbers on every device and for every number of threads.
#ifndef NNGPU_RANDOM_H_
#define NNGPU_RANDOM_H_

#include <cstdint>
#include <memory>

#include "nngpu/tensor.h"

namespace nngpu {

// A seed and the count of numbers drawn so far. Copies share the state. Thread-safe.
class Generator {
 public:
  explicit Generator(uint64_t seed = 0);
  void seed(uint64_t seed);  // restarts
  uint64_t seed() const;
  uint64_t offset() const;
  void set_offset(uint64_t offset);

  struct State;
  const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

Generator& default_generator();
void manual_seed(uint64_t seed);  // of the default generator

Tensor rand(const Shape& shape, DType dtype = DType::F32, Generator generator = default_generator());  // [0, 1)
Tensor uniform(const Shape& shape, double low, double high, DType dtype = DType::F32,
               Generator generator = default_generator());
Tensor randn(const Shape& shape, DType dtype = DType::F32, Generator generator = default_generator());  // N(0, 1)
Tensor normal(const Shape& shape, double mean, double stddev, DType dtype = DType::F32,
              Generator generator = default_generator());
// Integers in [low, high), both within -2^53 and 2^53.
Tensor randint(int64_t low, int64_t high, const Shape& shape, DType dtype = DType::I64,
               Generator generator = default_generator());
Tensor permutation(int64_t n, Generator generator = default_generator());                   // i64
Tensor bernoulli(const Shape& shape, double p, Generator generator = default_generator());  // bool

}  // namespace nngpu

#endif  // NNGPU_RANDOM_H_
