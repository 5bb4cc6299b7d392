// Batches in parts: the gradients of the whole, in the memory of a part.
#include "nngpu/nn/micro_batches.h"

#include <gtest/gtest.h>

#include "nngpu/nngpu.h"
#include "ops/expect_error.h"

namespace nngpu::nn {
namespace {

struct Problem {
  Sequential model = models::mlp({64, 256, 256, 256, 256, 10});
  Tensor x = randn({1021, 64}).eval(), y = randint(0, 10, {1021}).eval();

  Tensor loss(int64_t parts) const {
    return micro_batches(parts, {x, y}, model.parameters(), [this](const std::vector<Tensor>& part) {
      return cross_entropy(model(part[0]), part[1]);
    });
  }
  Tensor whole() const { return cross_entropy(model(x), y); }
};

TEST(MicroBatches, GradientsAreThoseOfTheWholeBatch) {
  const Problem problem;
  const Tensor whole = problem.whole();
  backward(whole);
  std::vector<Tensor> exact;
  for (const Variable& parameter : problem.model.parameters()) exact.push_back(parameter.grad());
  eval(exact);
  const double expected = whole.item<double>();
  for (const int64_t parts : {1, 2, 7}) {  // 7 parts of 145 and 146 rows
    problem.model.zero_grad();
    EXPECT_NEAR(problem.loss(parts).item<double>(), expected, 1e-5);
    const std::vector<Variable> parameters = problem.model.parameters();
    for (size_t i = 0; i < parameters.size(); ++i) {
      const double scale = max(abs(exact[i])).item<double>();
      EXPECT_LE(max(abs(parameters[i].grad() - exact[i])).item<double>(), 1e-4 * scale) << parts << " " << i;
    }
  }
  problem.model.zero_grad();
}

TEST(MicroBatches, ACompiledStepTakesTheMemoryOfAPart) {
  if (default_device().type != DeviceType::CPU) GTEST_SKIP() << "the plan is the CPU's";
  const Problem problem;
  optim::SGD optimizer(problem.model.parameters(), {.lr = 0});
  const auto peak = [&](int64_t parts) {
    const auto step = compile([&](const Tensor&) {
      const Tensor loss = problem.loss(parts);
      optimizer.step();
      optimizer.zero_grad();
      return loss;
    });
    step(Tensor(0)).eval();
    const int64_t before = memory_stats().in_use;
    reset_peak_memory();
    step(Tensor(0)).eval();
    return static_cast<double>(memory_stats().peak - before);
  };
  EXPECT_LE(peak(8), 0.6 * peak(1));
}

TEST(MicroBatches, Errors) {
  const Tensor x = ones({3, 2});
  const auto loss = [](const std::vector<Tensor>& part) { return sum(part[0]); };
  EXPECT_ERROR(ValueError, micro_batches(0, {x}, {}, loss),
               "[micro_batches] the number of parts must be positive: 0");
  EXPECT_ERROR(ValueError, micro_batches(1, {}, {}, loss), "[micro_batches] there are no tensors");
  EXPECT_ERROR(ValueError, micro_batches(1, {x}, {}, nullptr), "[micro_batches] there is no function");
  EXPECT_ERROR(ShapeError, micro_batches(1, {x, ones({2})}, {}, loss),
               "[micro_batches] lengths differ: (3, 2) and (2,)");
  EXPECT_ERROR(ShapeError, micro_batches(4, {x}, {}, loss), "[micro_batches] 3 rows cannot be cut into 4 parts");
  EXPECT_ERROR(ShapeError, micro_batches(1, {x}, {}, [](const std::vector<Tensor>& part) { return part[0]; }),
               "[micro_batches] the loss must be a scalar: (3, 2)");
}

}  // namespace
}  // namespace nngpu::nn
