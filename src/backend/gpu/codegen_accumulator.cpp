// What a thread of a reduction keeps: struct Acc, by the kind of reduction.
#include <cctype>
#include <sstream>

#include "backend/gpu/codegen.h"

namespace nngpu::gpu {
namespace {

using graph::Reduction;

struct Combination {
  const char* function;
  std::string identity;
};

Combination combination_of(Reduction code, DType value) {
  const bool floating = is_floating(value);
  const auto cast = [&](const std::string& number) { return std::string("(") + value_type(value) + ")" + number; };
  switch (code) {
    case Reduction::Sum:
      return {"add", cast("0")};
    case Reduction::Prod:
      return {"mul", cast("1")};
    case Reduction::Min:
      if (floating) return {"min", cast("NG_INFINITY")};
      return {"min",
              value == DType::I64 ? "(i64)9223372036854775807" : cast(value == DType::I32 ? "2147483647" : "255")};
    case Reduction::Max:
      if (floating) return {"max", cast("(-NG_INFINITY)")};
      return {"max", value == DType::I64 ? "NG_I64_MIN" : value == DType::I32 ? "NG_I32_MIN" : cast("0")};
    case Reduction::Any:
      return {"max", cast("0")};
    case Reduction::All:
      return {"min", cast("1")};
    case Reduction::LogSumExp:
    case Reduction::Moments:
      break;  // not of one function
  }
  return {"add", cast("0")};
}

bool is_compensated(Reduction code, DType value) { return code == Reduction::Sum && is_floating(value); }

std::string simple_text(Reduction code, DType dtype) {
  std::ostringstream text;
  const std::string type = value_type(dtype);
  const Combination combination = combination_of(code, dtype);
  const std::string combine = std::string("ng::") + combination.function;
  text << "struct Acc {\n  " << type << " value;\n};\n"
       << "FN Acc acc_start() {\n  Acc a;\n  a.value = " << combination.identity << ";\n  return a;\n}\n"
       << "FN Acc acc_add(Acc a, " << type << " v) {\n  Acc r;\n  r.value = " << combine
       << "(a.value, v);\n  return r;\n}\n"
       << "FN Acc acc_merge(Acc a, Acc b) { return acc_add(a, b.value); }\n"
       << "FN " << type << " acc_result(Acc a) { return a.value; }\n"
       << "#define ACC_SHUFFLE(sum, mask) { Acc other; other.value = simd_shuffle_xor(sum.value, mask); "
          "sum = acc_merge(sum, other); }\n";
  return text.str();
}

// Sums keep what rounding takes from them beside them (Knuth's two-sum): no length loses precision.
constexpr const char* kCompensated = R"(struct Acc {
  VALUE value, error;
};
FN Acc acc_start() {
  Acc a;
  a.value = a.error = (VALUE)0;
  return a;
}
FN Acc acc_add(Acc a, VALUE v) {
  Acc r;
  r.value = ng::add(a.value, v);
  const VALUE part = r.value - a.value;
  r.error = a.error + ((a.value - (r.value - part)) + (v - part));
  return r;
}
FN Acc acc_merge(Acc a, Acc b) {
  Acc r = acc_add(a, b.value);
  r.error = r.error + b.error;
  return r;
}
FN VALUE acc_result(Acc a) { return a.error == a.error ? a.value + a.error : a.value; }
#define ACC_SHUFFLE(sum, mask)                          \
  {                                                     \
    Acc other;                                          \
    other.value = simd_shuffle_xor(sum.value, mask);    \
    other.error = simd_shuffle_xor(sum.error, mask);    \
    sum = acc_merge(sum, other);                        \
  }
)";

// The largest element so far and the sum of exponentials relative to it (Milakov and Gimelshein 2018), or relative
// to zero where it is infinite: the logarithm of the sum is that infinity then. NaN stays in the sum.
constexpr const char* kLogSumExp = R"(struct Acc {
  VALUE max, sum;
};
FN Acc acc_start() {
  Acc a;
  a.max = -(VALUE)NG_INFINITY;
  a.sum = (VALUE)0;
  return a;
}
FN VALUE acc_larger(VALUE a, VALUE b) { return b > a ? b : a; }
FN VALUE acc_base(VALUE max) { return max - max == (VALUE)0 ? max : (VALUE)0; }
FN Acc acc_merge(Acc a, Acc b) {
  Acc r;
  r.max = acc_larger(a.max, b.max);
  const VALUE base = acc_base(r.max);
  r.sum = a.sum * ng_exp(a.max - base) + b.sum * ng_exp(b.max - base);
  return r;
}
template <int COUNT>
FN Acc acc_add_pack(Acc a, Elements<COUNT> e) {
  Acc r;
  r.max = a.max;
  UNROLL
  for (int k = 0; k < COUNT; ++k) r.max = acc_larger(r.max, e.v[k]);
  const VALUE base = acc_base(r.max);
  r.sum = a.sum * ng_exp(a.max - base);
  UNROLL
  for (int k = 0; k < COUNT; ++k) r.sum = r.sum + ng_exp(e.v[k] - base);
  return r;
}
FN VALUE acc_result(Acc a) { return acc_base(a.max) + ng_log(a.sum); }
#define ACC_REDUCE(sums)                                                \
  {                                                                     \
    VALUE largest = sums.max;                                           \
    simd_reduce(largest, acc_larger);                                   \
    VALUE total = sums.sum * ng_exp(sums.max - acc_base(largest));      \
    simd_reduce(total, acc_plus);                                       \
    sums.max = largest;                                                 \
    sums.sum = total;                                                   \
  }
)";

// Mean and squared deviations of v - shift, where shift is the first element: they keep their precision beside a
// large mean. Packs are summed in two passes over registers; they and parts are merged as Chan, Golub and LeVeque
// do (1979). A mean that is infinite stays so. The threads of a subgroup have a mean in common before they add
// their deviations from it: one division, not one a step.
constexpr const char* kMoments = R"(struct Acc {
  VALUE mean, squares, count, shift;
};
FN Acc acc_start() {
  Acc a;
  a.mean = a.squares = a.count = a.shift = (VALUE)0;
  return a;
}
FN Acc acc_merge(Acc a, Acc b) {
  Acc r;
  r.shift = a.count == (VALUE)0 ? b.shift : a.shift;
  r.count = a.count + b.count;
  const VALUE mean = b.mean + (b.shift - r.shift);
  const VALUE difference = mean - a.mean, share = b.count == (VALUE)0 ? (VALUE)0 : b.count / r.count;
  r.mean = a.mean + (difference - difference == (VALUE)0 ? difference * share : mean);
  r.squares = a.squares + b.squares + difference * difference * (a.count * share);
  return r;
}
template <int COUNT>
FN Acc acc_add_pack(Acc a, Elements<COUNT> e) {
  Acc b;
  b.shift = a.count == (VALUE)0 && e.v[0] - e.v[0] == (VALUE)0 ? e.v[0] : a.shift;
  b.count = (VALUE)COUNT;
  b.mean = b.squares = (VALUE)0;
  UNROLL
  for (int k = 0; k < COUNT; ++k) {
    e.v[k] = e.v[k] - b.shift;
    b.mean = b.mean + e.v[k];
  }
  b.mean = b.mean * ((VALUE)1 / (VALUE)COUNT);
  UNROLL
  for (int k = 0; k < COUNT; ++k) {
    const VALUE deviation = e.v[k] - b.mean;
    b.squares = b.squares + deviation * deviation;
  }
  return acc_merge(a, b);
}
FN VALUE acc_result(Acc a) { return a.count == (VALUE)0 ? (VALUE)NG_NAN : a.shift + a.mean; }
FN VALUE acc_variance(Acc a, VALUE divisor) { return a.squares / divisor; }
#define ACC_REDUCE(sum)                                                                            \
  {                                                                                                \
    const VALUE shift = simd_shuffle(sum.shift, 0u);                                               \
    VALUE count = sum.count;                                                                       \
    simd_reduce(count, acc_plus);                                                                  \
    const VALUE own = sum.count == (VALUE)0 ? (VALUE)0 : sum.mean + (sum.shift - shift);           \
    VALUE mean = count == (VALUE)0 ? (VALUE)0 : own * (sum.count / count);                         \
    simd_reduce(mean, acc_plus);                                                                   \
    const VALUE deviation = sum.count == (VALUE)0 ? (VALUE)0 : own - mean;                         \
    VALUE squares = sum.squares + deviation * deviation * sum.count;                               \
    simd_reduce(squares, acc_plus);                                                                \
    sum.mean = mean;                                                                               \
    sum.squares = squares;                                                                         \
    sum.count = count;                                                                             \
    sum.shift = shift;                                                                             \
  }
)";

// One element after the other, and a merge a step of a subgroup's tree.
constexpr const char* kSimplePack = R"(template <int COUNT>
FN Acc acc_add_pack(Acc a, Elements<COUNT> e) {
  UNROLL
  for (int k = 0; k < COUNT; ++k) a = acc_add(a, e.v[k]);
  return a;
}
#define ACC_REDUCE(sum) ACC_SHUFFLE(sum, 16u) ACC_SHUFFLE(sum, 8u) ACC_SHUFFLE(sum, 4u) ACC_SHUFFLE(sum, 2u) \
  ACC_SHUFFLE(sum, 1u)
)";
constexpr const char* kPackAdd = R"(FN Acc acc_add(Acc a, VALUE v) {
  Elements<1> e;
  e.v[0] = v;
  return acc_add_pack(a, e);
}
)";

// VALUE becomes the type; the accumulator's names get the suffix, so that several can stand in one kernel.
std::string with_names(const std::string& text, DType value, const std::string& suffix) {
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  const auto is_own = [](const std::string& word) {
    return word == "Acc" || word == "Elements" || word.starts_with("acc_") || word.starts_with("ACC_");
  };
  std::string result;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && in_word(text[end])) ++end;
    const std::string word = end > i ? text.substr(i, end - i) : text.substr(i, 1);
    result += word == "VALUE" ? value_type(value) : is_own(word) ? word + suffix : word;
    i += word.size();
  }
  return result;
}

}  // namespace

int accumulator_values(Reduction code, DType value) {
  if (code == Reduction::Moments) return 4;
  return code == Reduction::LogSumExp || is_compensated(code, value) ? 2 : 1;
}

std::string accumulator_text(Reduction code, DType value, const std::string& suffix) {
  const std::string start =
      "template <int COUNT>\nstruct Elements {\n  VALUE v[COUNT];\n};\n"
      "FN VALUE acc_plus(VALUE a, VALUE b) { return a + b; }\n";
  const auto named = [&](const std::string& text) { return with_names(start + text, value, suffix); };
  if (code == Reduction::Moments) return named(std::string(kMoments) + kPackAdd);
  if (code == Reduction::LogSumExp) return named(std::string(kLogSumExp) + kPackAdd);
  return named((is_compensated(code, value) ? std::string(kCompensated) : simple_text(code, value)) + kSimplePack);
}

}  // namespace nngpu::gpu
