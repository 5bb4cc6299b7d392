// What a thread of a reduction keeps: struct Acc, by the kind of reduction.
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
  const auto cast = [&](const std::string& number) { return "(" + std::string(value_type(value)) + ")" + number; };
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

// The largest element so far and the sum of exponentials relative to it (Milakov and Gimelshein 2018). Elements
// equal to the largest count as 1, also where both are infinite; NaN stays in the sum.
constexpr const char* kLogSumExp = R"(struct Acc {
  VALUE max, sum;
};
FN Acc acc_start() {
  Acc a;
  a.max = -(VALUE)NG_INFINITY;
  a.sum = (VALUE)0;
  return a;
}
FN VALUE acc_power(VALUE v, VALUE max) { return v == max ? (VALUE)1 : ng_exp(v - max); }
FN Acc acc_merge(Acc a, Acc b) {
  Acc r;
  r.max = b.max > a.max ? b.max : a.max;
  r.sum = a.sum * acc_power(a.max, r.max) + b.sum * acc_power(b.max, r.max);
  return r;
}
FN Acc acc_add(Acc a, VALUE v) {
  Acc r;
  r.max = v > a.max ? v : a.max;
  r.sum = a.sum * acc_power(a.max, r.max) + acc_power(v, r.max);
  return r;
}
FN VALUE acc_result(Acc a) { return a.max + ng_log(a.sum); }
#define ACC_SHUFFLE(sums, mask)                       \
  {                                                   \
    Acc other;                                        \
    other.max = simd_shuffle_xor(sums.max, mask);     \
    other.sum = simd_shuffle_xor(sums.sum, mask);     \
    sums = acc_merge(sums, other);                    \
  }
)";
constexpr const char* kLogSumExpPack = R"(FN Acc acc_add_pack(Acc a, Elements e) {
  Acc r;
  r.max = a.max;
  UNROLL
  for (int k = 0; k < ACC_PACK; ++k) r.max = e.v[k] > r.max ? e.v[k] : r.max;
  r.sum = a.sum * acc_power(a.max, r.max);
  UNROLL
  for (int k = 0; k < ACC_PACK; ++k) r.sum = r.sum + acc_power(e.v[k], r.max);
  return r;
}
)";

// Mean and squared deviations of v - shift, where shift is the first element of the result: they keep their
// precision beside a large mean. Parts are merged as Chan, Golub and LeVeque do (1979). A mean that is infinite
// stays so.
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
  const VALUE difference = b.mean - a.mean, share = b.count == (VALUE)0 ? (VALUE)0 : b.count / r.count;
  r.mean = a.mean + (difference - difference == (VALUE)0 ? difference * share : b.mean);
  r.squares = a.squares + b.squares + difference * difference * (a.count * share);
  return r;
}
FN Acc acc_add(Acc a, VALUE v) {
  Acc b;
  b.mean = v - a.shift;
  b.squares = (VALUE)0;
  b.count = (VALUE)1;
  b.shift = a.shift;
  return acc_merge(a, b);
}
FN VALUE acc_result(Acc a) { return a.count == (VALUE)0 ? (VALUE)NG_NAN : a.shift + a.mean; }
FN VALUE acc_variance(Acc a, VALUE divisor) { return a.squares / divisor; }
#define ACC_SHUFFLE(sum, mask)                              \
  {                                                         \
    Acc other;                                              \
    other.mean = simd_shuffle_xor(sum.mean, mask);          \
    other.squares = simd_shuffle_xor(sum.squares, mask);    \
    other.count = simd_shuffle_xor(sum.count, mask);        \
    other.shift = simd_shuffle_xor(sum.shift, mask);        \
    sum = acc_merge(sum, other);                            \
  }
)";
constexpr const char* kMomentsPack = R"(FN Acc acc_add_pack(Acc a, Elements e) {
  Acc b;
  b.shift = a.shift;
  b.count = (VALUE)ACC_PACK;
  b.mean = b.squares = (VALUE)0;
  UNROLL
  for (int k = 0; k < ACC_PACK; ++k) {
    e.v[k] = e.v[k] - a.shift;
    b.mean = b.mean + e.v[k];
  }
  b.mean = b.mean * ((VALUE)1 / (VALUE)ACC_PACK);
  UNROLL
  for (int k = 0; k < ACC_PACK; ++k) {
    const VALUE deviation = e.v[k] - b.mean;
    b.squares = b.squares + deviation * deviation;
  }
  return acc_merge(a, b);
}
)";
constexpr const char* kSimplePack = R"(FN Acc acc_add_pack(Acc a, Elements e) {
  UNROLL
  for (int k = 0; k < ACC_PACK; ++k) a = acc_add(a, e.v[k]);
  return a;
}
)";

}  // namespace

int accumulator_values(Reduction code, DType value) {
  if (code == Reduction::Moments) return 4;
  return code == Reduction::LogSumExp || is_compensated(code, value) ? 2 : 1;
}

std::string accumulator_text(Reduction code, DType value, int pack) {
  const bool moments = code == Reduction::Moments, exponentials = code == Reduction::LogSumExp;
  std::string text = std::string("#define VALUE ") + value_type(value) + "\n#define ACC_PACK " +
                     std::to_string(pack) + "\nstruct Elements {\n  VALUE v[ACC_PACK];\n};\n";
  text += moments                       ? kMoments
          : exponentials                ? kLogSumExp
          : is_compensated(code, value) ? kCompensated
                                        : simple_text(code, value);
  text += moments ? kMomentsPack : exponentials ? kLogSumExpPack : kSimplePack;
  return text +
         "#define ACC_REDUCE(sum) ACC_SHUFFLE(sum, 16u) ACC_SHUFFLE(sum, 8u) ACC_SHUFFLE(sum, 4u) "
         "ACC_SHUFFLE(sum, 2u) ACC_SHUFFLE(sum, 1u)\n";
}

}  // namespace nngpu::gpu
