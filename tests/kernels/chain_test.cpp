// Chains in registers give the bits of the tile kernels, whatever the tape, the length and the layout.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "backend/cpu/elementwise/tape.h"

namespace nngpu::cpu {
namespace {

using graph::Launch;
using graph::TapeStep;

const Elementwise kUnary[] = {Elementwise::Negative, Elementwise::Abs,   Elementwise::Sign,   Elementwise::Square,
                              Elementwise::Sqrt,     Elementwise::Rsqrt, Elementwise::Exp,    Elementwise::Log,
                              Elementwise::Tanh,     Elementwise::Erf,   Elementwise::Sigmoid};
const Elementwise kBinary[] = {Elementwise::Add,    Elementwise::Subtract, Elementwise::Multiply,
                               Elementwise::Divide, Elementwise::Maximum,  Elementwise::Minimum};

// A launch over (rows, columns): two full operands, one repeated for every row, one element, one element a row.
template <class T>
class ChainCase {
 public:
  ChainCase(int64_t rows, int64_t columns, std::mt19937& random)
      : rows_(rows), columns_(columns), random_(random) {
    launch_.kind = graph::OpKind::Elementwise;
    launch_.tape = std::make_unique<graph::Tape>();
    launch_.tape->shape = {rows, columns};
    for (const Dims& strides : {Dims{columns, 1}, Dims{columns, 1}, Dims{0, 1}, Dims{0, 0}, Dims{1, 0}})
      add_load(strides);
  }

  void add_steps(int count) {
    for (int s = 0; s < count; ++s) {
      const bool unary = pick(3) == 0;
      TapeStep step{unary ? kUnary[pick(std::size(kUnary))] : kBinary[pick(std::size(kBinary))], dtype_of<T>(),
                    dtype_of<T>()};
      step.source[0] = source(s);
      if (!unary) step.source[1] = source(s);
      launch_.tape->steps.push_back(step);
    }
    add_store(kLoads + count - 1);
  }
  void add_store(int32_t value) {
    launch_.tape->stores.push_back({value, static_cast<int32_t>(launch_.outputs.size())});
    launch_.outputs.push_back(operand({columns_, 1}));
  }

  void check() {
    launch_.prepared = prepare_tape(launch_);
    ASSERT_NE(static_cast<const PreparedTape*>(launch_.prepared.get())->chain.block, 0u);
    std::vector<char*> slots;
    for (auto& buffer : buffers_) slots.push_back(reinterpret_cast<char*>(buffer.data()));
    graph::RunContext context{};
    context.slots = slots.data();
    run_elementwise(launch_, context);
    const std::vector<std::vector<T>> values = by_kernels();
    for (const graph::TapeStore& store : launch_.tape->stores) {
      const std::vector<T>& wanted = values[static_cast<size_t>(store.value)];
      const std::vector<T>& got = buffers_[static_cast<size_t>(launch_.outputs[store.output].slot)];
      for (size_t i = 0; i < wanted.size(); ++i) {
        const bool same = std::memcmp(&wanted[i], &got[i], sizeof(T)) == 0;
        ASSERT_TRUE(same || (std::isnan(wanted[i]) && std::isnan(got[i])))
            << "element " << i << " of " << wanted.size() << ": " << got[i] << ", not " << wanted[i];
      }
    }
  }

 private:
  static constexpr int kLoads = 5;

  size_t pick(size_t n) { return random_() % n; }
  // The result of the step before most often, so that chains form.
  int32_t source(int s) {
    return s > 0 && pick(2) == 0 ? kLoads + s - 1 : static_cast<int32_t>(pick(static_cast<size_t>(kLoads + s)));
  }

  graph::Operand operand(const Dims& strides) {
    graph::Operand out;
    out.slot = static_cast<int32_t>(buffers_.size());
    out.dtype = dtype_of<T>();
    out.shape = {rows_, columns_};
    out.strides = strides;
    buffers_.emplace_back(static_cast<size_t>((rows_ - 1) * strides[0] + (columns_ - 1) * strides[1] + 1));
    return out;
  }
  void add_load(const Dims& strides) {
    launch_.inputs.push_back(operand(strides));
    std::normal_distribution<T> normal(0, 2);
    for (T& x : buffers_.back()) x = normal(random_);
  }

  // Every value over the whole loop, each step by its tile kernel.
  std::vector<std::vector<T>> by_kernels() const {
    std::vector<std::vector<T>> values;
    for (const graph::Operand& load : launch_.inputs) {
      std::vector<T>& value = values.emplace_back();
      for (int64_t i = 0; i < rows_ * columns_; ++i)
        value.push_back(buffers_[static_cast<size_t>(load.slot)][static_cast<size_t>(
            i / columns_ * load.strides[0] + i % columns_ * load.strides[1])]);
    }
    for (const TapeStep& step : launch_.tape->steps) {
      std::vector<T> result(static_cast<size_t>(rows_ * columns_));
      const auto& b = values[static_cast<size_t>(step.source[1] >= 0 ? step.source[1] : step.source[0])];
      const StepKernel kernel = step_kernels().table[static_cast<int>(step.code)][static_cast<int>(step.in)][0];
      kernel(result.data(), values[static_cast<size_t>(step.source[0])].data(), b.data(), nullptr, result.size());
      values.push_back(std::move(result));
    }
    return values;
  }

  int64_t rows_, columns_;
  std::mt19937& random_;
  Launch launch_;
  std::vector<std::vector<T>> buffers_;
};

template <class T>
void check_random_tapes() {
  std::mt19937 random(7);
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1},
                                      {1, 300},
                                      {3, 64},
                                      {2, 127},
                                      {7, 128},
                                      {5, 1025},
                                      {3, 1300},
                                      {40, 2048}}) {
    for (int round = 0; round < 40; ++round) {
      ChainCase<T> test(rows, columns, random);
      const int steps = 4 + round % 12;
      test.add_steps(steps);
      if (round % 3 == 0) test.add_store(5 + steps / 2);
      test.check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(Chains, RandomTapesFloat) { check_random_tapes<float>(); }
TEST(Chains, RandomTapesDouble) { check_random_tapes<double>(); }

TEST(Chains, ResultsPastTheCaches) {
  std::mt19937 random(8);
  for (const int64_t columns : {int64_t{3} << 21, (int64_t{3} << 21) - 77}) {
    ChainCase<float> test(1, columns, random);
    test.add_steps(6);
    test.add_store(7);
    test.check();
  }
}

}  // namespace
}  // namespace nngpu::cpu
