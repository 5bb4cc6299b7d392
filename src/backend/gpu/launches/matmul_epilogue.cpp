#include "backend/gpu/launches/matmul_epilogue.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

class Matcher {
 public:
  Matcher(const graph::Launch& chain, const graph::Operand& result, int64_t row)
      : chain_(chain), tape_(*chain.tape), result_(result), row_(row) {}

  std::optional<EpilogueMatch> match() {
    if (tape_.stores.size() != 1 || !is_floating(result_.dtype) || chain_.outputs[0].dtype != result_.dtype)
      return std::nullopt;
    if (!graph::is_row_major(tape_.shape, chain_.outputs[0].strides)) return std::nullopt;
    const DType computes = compute_dtype(result_.dtype);
    for (const graph::TapeStep& step : tape_.steps)
      if (step.in != computes || step.out != computes) return std::nullopt;
    const int32_t sum = inside_activation(plain(tape_.stores[0].value));
    if (sum < 0 || !is_sum(sum)) return std::nullopt;
    const bool bias = found_.bias >= 0;
    if (!bias && found_.added < 0 && activation_ == Activation::None) return std::nullopt;
    switch (activation_) {
      case Activation::None:
        found_.epilogue = bias ? GemmEpilogue::Bias : GemmEpilogue::None;
        break;
      case Activation::Relu:
        found_.epilogue = bias ? GemmEpilogue::ReluBias : GemmEpilogue::Relu;
        break;
      case Activation::GeluTanh:
        found_.epilogue = bias ? GemmEpilogue::GeluTanhBias : GemmEpilogue::GeluTanh;
        break;
    }
    return found_;
  }

 private:
  enum class Activation { None, Relu, GeluTanh };

  int32_t loads() const { return static_cast<int32_t>(chain_.inputs.size()); }
  const graph::TapeStep* step(int32_t value, Elementwise code) const {
    if (value < loads()) return nullptr;
    const graph::TapeStep& made = tape_.steps[static_cast<size_t>(value - loads())];
    return made.code == code ? &made : nullptr;
  }
  // Casts between a half type and what it is computed in do nothing on a tape, unless they round what goes on.
  int32_t plain(int32_t value) const {
    for (const graph::TapeStep* made; (made = step(value, Elementwise::Cast)) != nullptr;) value = made->source[0];
    return value;
  }
  // Of a commutative step of a number and something else: the other operand; -1 where it is none.
  int32_t beside_number(int32_t value, Elementwise code, double number) {
    const graph::TapeStep* made = step(value, code);
    for (int k = 0; made != nullptr && k < 2; ++k) {
      const int32_t load = made->source[k];
      if (load >= loads() || !chain_.inputs[static_cast<size_t>(load)].constant) continue;
      found_.numbers.emplace_back(load, number);
      return plain(made->source[1 - k]);
    }
    return -1;
  }
  // Of a commutative step with `one` of its operands: the other.
  int32_t beside(int32_t value, Elementwise code, int32_t one) const {
    const graph::TapeStep* made = step(value, code);
    if (made == nullptr) return -1;
    if (plain(made->source[0]) == one) return plain(made->source[1]);
    return plain(made->source[1]) == one ? plain(made->source[0]) : -1;
  }

  int32_t inside_activation(int32_t value) {
    if (const int32_t inner = beside_number(value, Elementwise::Maximum, 0); inner >= 0) {
      activation_ = Activation::Relu;
      return inner;
    }
    found_.numbers.clear();
    if (const int32_t inner = inside_gelu(value); inner >= 0) {
      activation_ = Activation::GeluTanh;
      return inner;
    }
    found_.numbers.clear();
    return value;
  }

  // x (tanh((x + x x^2 0.044715) sqrt(2 / pi)) + 1) 0.5, as gelu_tanh writes it.
  int32_t inside_gelu(int32_t value) {
    const int32_t product = beside_number(value, Elementwise::Multiply, 0.5);
    const graph::TapeStep* whole = step(product, Elementwise::Multiply);
    for (int k = 0; whole != nullptr && k < 2; ++k) {
      const size_t known = found_.numbers.size();
      const int32_t x = plain(whole->source[k]);
      const int32_t tanh = beside_number(plain(whole->source[1 - k]), Elementwise::Add, 1);
      const graph::TapeStep* curve = step(tanh, Elementwise::Tanh);
      const int32_t sum = curve == nullptr
                              ? -1
                              : beside_number(plain(curve->source[0]), Elementwise::Multiply, std::sqrt(2 / M_PI));
      const int32_t cubic = beside(sum, Elementwise::Add, x);
      const int32_t cube = beside_number(cubic, Elementwise::Multiply, 0.044715);
      const graph::TapeStep* square = step(beside(cube, Elementwise::Multiply, x), Elementwise::Square);
      if (square != nullptr && plain(square->source[0]) == x) return x;
      found_.numbers.resize(known);
    }
    return -1;
  }

  // The product, to which at most one bias and one matrix are added.
  bool is_sum(int32_t value) {
    if (value < loads()) return chain_.inputs[static_cast<size_t>(value)].slot == result_.slot;
    const graph::TapeStep* sum = step(value, Elementwise::Add);
    if (sum == nullptr) return false;
    for (int k = 0; k < 2; ++k)
      if (is_addend(plain(sum->source[k]))) return is_sum(plain(sum->source[1 - k]));
    return false;
  }

  bool is_addend(int32_t value) {
    if (value >= loads()) return false;
    const graph::Operand& x = chain_.inputs[static_cast<size_t>(value)];
    if (x.constant || x.slot == result_.slot || x.dtype != result_.dtype) return false;
    const int rank = tape_.shape.size();
    if (found_.added < 0 && graph::is_row_major(tape_.shape, x.strides)) return found_.added = value, true;
    if (found_.bias >= 0 || rank == 0 || tape_.shape[rank - 1] != row_ || x.strides[rank - 1] != 1) return false;
    for (int axis = 0; axis < rank - 1; ++axis)
      if (x.strides[axis] != 0 && tape_.shape[axis] != 1) return false;
    found_.bias = value;
    return true;
  }

  const graph::Launch& chain_;
  const graph::Tape& tape_;
  const graph::Operand& result_;
  int64_t row_;
  Activation activation_ = Activation::None;
  EpilogueMatch found_;
};

template <class T>
T read(const char* at) {
  T value{};
  std::memcpy(&value, at, sizeof(value));
  return value;
}

double value_of(const graph::Operand& number, const char* at) {
  switch (number.dtype) {
    case DType::F16:
      return static_cast<float>(read<Half>(at));
    case DType::BF16:
      return static_cast<float>(read<BFloat16>(at));
    case DType::F32:
      return read<float>(at);
    case DType::F64:
      return read<double>(at);
    default:
      return NAN;
  }
}

}  // namespace

bool EpilogueMatch::has_numbers(const graph::Launch& chain, const graph::RunContext& context) const {
  return std::all_of(numbers.begin(), numbers.end(), [&](const auto& number) {
    const graph::Operand& operand = chain.inputs[static_cast<size_t>(number.first)];
    // As near as the number's type comes to it.
    return std::abs(value_of(operand, context.at(operand)) - number.second) <= 1e-6 * std::abs(number.second);
  });
}

std::optional<EpilogueMatch> match_epilogue(const graph::Launch& chain, const graph::Operand& result,
                                            int64_t row) {
  return Matcher(chain, result, row).match();
}

}  // namespace nngpu::gpu
