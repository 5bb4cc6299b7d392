// Every elementwise primitive, on every dtype it takes, against the oracle.
#include "ops/elementwise.h"

#include <cmath>
#include <set>

#include "nngpu/ops.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;

enum class Dtypes { Floating, Numbers, All, Integers, BoolsAndIntegers };

const std::vector<DType>& dtypes_of(Dtypes kind) {
  static const std::vector<DType> integers = {DType::U8, DType::I32, DType::I64};
  static const std::vector<DType> bits = {DType::Bool, DType::U8, DType::I32, DType::I64};
  static const std::vector<DType> numbers = {DType::U8,   DType::I32, DType::I64, DType::F16,
                                             DType::BF16, DType::F32, DType::F64};
  switch (kind) {
    case Dtypes::Floating:
      return floating_dtypes();
    case Dtypes::Numbers:
      return numbers;
    case Dtypes::All:
      return all_dtypes();
    case Dtypes::Integers:
      return integers;
    case Dtypes::BoolsAndIntegers:
      return bits;
  }
  return numbers;
}

struct Unary {
  Elementwise code;
  Tensor (*run)(const Tensor&);
  double (*exact)(double);
  double low, high;
  Accuracy accuracy;
  Dtypes dtypes;
  bool gives_bool = false;
};

struct Binary {
  Elementwise code;
  Tensor (*run)(const Tensor&, const Tensor&);
  double (*exact)(double, double);
  double low, high;
  Accuracy accuracy;
  Dtypes dtypes;
  bool gives_bool = false;
};

double sign_of(double x) { return std::isnan(x) ? x : (x > 0) - (x < 0); }
double round_even(double x) { return std::nearbyint(x); }
double python_mod(double a, double b) {
  const double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
double maximum_of(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }
double minimum_of(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }

using E = Elementwise;
constexpr auto kExact = Accuracy::Exact;
constexpr auto kRounded = Accuracy::Rounded;
constexpr auto kFunction = Accuracy::Function;

const Unary kUnary[] = {
    {E::Negative, negative, [](double x) { return -x; }, -100, 100, kExact, Dtypes::Floating},
    {E::Abs, abs, [](double x) { return std::abs(x); }, -100, 100, kExact, Dtypes::Floating},
    {E::Sign, sign, sign_of, -3, 3, kExact, Dtypes::Floating},
    {E::Square, square, [](double x) { return x * x; }, -10, 10, kRounded, Dtypes::Floating},
    {E::Reciprocal, reciprocal, [](double x) { return 1 / x; }, 0.5, 9, kRounded, Dtypes::Floating},
    {E::Sqrt, sqrt, [](double x) { return std::sqrt(x); }, 0, 1000, kRounded, Dtypes::Floating},
    {E::Rsqrt, rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0.1, 1000, kFunction, Dtypes::Floating},
    {E::Cbrt, cbrt, [](double x) { return std::cbrt(x); }, -1000, 1000, kFunction, Dtypes::Floating},
    {E::Exp, exp, [](double x) { return std::exp(x); }, -10, 10, kFunction, Dtypes::Floating},
    {E::Exp2, exp2, [](double x) { return std::exp2(x); }, -10, 10, kFunction, Dtypes::Floating},
    {E::Expm1, expm1, [](double x) { return std::expm1(x); }, -3, 3, kFunction, Dtypes::Floating},
    {E::Log, log, [](double x) { return std::log(x); }, 0.01, 1000, kFunction, Dtypes::Floating},
    {E::Log2, log2, [](double x) { return std::log2(x); }, 0.01, 1000, kFunction, Dtypes::Floating},
    {E::Log10, log10, [](double x) { return std::log10(x); }, 0.01, 1000, kFunction, Dtypes::Floating},
    {E::Log1p, log1p, [](double x) { return std::log1p(x); }, -0.9, 100, kFunction, Dtypes::Floating},
    {E::Sin, sin, [](double x) { return std::sin(x); }, -100, 100, kFunction, Dtypes::Floating},
    {E::Cos, cos, [](double x) { return std::cos(x); }, -100, 100, kFunction, Dtypes::Floating},
    {E::Tan, tan, [](double x) { return std::tan(x); }, -100, 100, kFunction, Dtypes::Floating},
    {E::Asin, asin, [](double x) { return std::asin(x); }, -1, 1, kFunction, Dtypes::Floating},
    {E::Acos, acos, [](double x) { return std::acos(x); }, -1, 1, kFunction, Dtypes::Floating},
    {E::Atan, atan, [](double x) { return std::atan(x); }, -100, 100, kFunction, Dtypes::Floating},
    {E::Sinh, sinh, [](double x) { return std::sinh(x); }, -8, 8, kFunction, Dtypes::Floating},
    {E::Cosh, cosh, [](double x) { return std::cosh(x); }, -8, 8, kFunction, Dtypes::Floating},
    {E::Tanh, tanh, [](double x) { return std::tanh(x); }, -5, 5, kFunction, Dtypes::Floating},
    {E::Asinh, asinh, [](double x) { return std::asinh(x); }, -100, 100, kFunction, Dtypes::Floating},
    {E::Acosh, acosh, [](double x) { return std::acosh(x); }, 1, 100, kFunction, Dtypes::Floating},
    {E::Atanh, atanh, [](double x) { return std::atanh(x); }, -0.99, 0.99, kFunction, Dtypes::Floating},
    {E::Erf, erf, [](double x) { return std::erf(x); }, -4, 4, kFunction, Dtypes::Floating},
    {E::Erfc, erfc, [](double x) { return std::erfc(x); }, -4, 4, kFunction, Dtypes::Floating},
    {E::Lgamma, lgamma, [](double x) { return std::lgamma(x); }, 3, 100, kFunction, Dtypes::Floating},
    {E::Sigmoid, sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -9, 9, kFunction, Dtypes::Floating},
    {E::Floor, floor, [](double x) { return std::floor(x); }, -100, 100, kExact, Dtypes::Numbers},
    {E::Ceil, ceil, [](double x) { return std::ceil(x); }, -100, 100, kExact, Dtypes::Floating},
    {E::Round, round, round_even, -100, 100, kExact, Dtypes::Floating},
    {E::Trunc, trunc, [](double x) { return std::trunc(x); }, -100, 100, kExact, Dtypes::Floating},
    {E::BitwiseNot, bitwise_not, [](double x) { return -x - 1; }, -100, 100, kExact, Dtypes::Integers},
    {E::IsNan, isnan, [](double x) { return double(std::isnan(x)); }, -1, 1, kExact, Dtypes::Floating, true},
    {E::IsInf, isinf, [](double x) { return double(std::isinf(x)); }, -1, 1, kExact, Dtypes::Floating, true},
    {E::IsFinite, isfinite, [](double x) { return double(std::isfinite(x)); }, -1, 1, kExact, Dtypes::Floating,
     true},
};

double int_and(double a, double b) { return double(int64_t(a) & int64_t(b)); }
double int_or(double a, double b) { return double(int64_t(a) | int64_t(b)); }
double int_xor(double a, double b) { return double(int64_t(a) ^ int64_t(b)); }

Tensor add(const Tensor& a, const Tensor& b) { return a + b; }
Tensor subtract(const Tensor& a, const Tensor& b) { return a - b; }
Tensor multiply(const Tensor& a, const Tensor& b) { return a * b; }
Tensor divide(const Tensor& a, const Tensor& b) { return a / b; }
Tensor modulo(const Tensor& a, const Tensor& b) { return a % b; }
Tensor bit_and(const Tensor& a, const Tensor& b) { return a & b; }
Tensor bit_or(const Tensor& a, const Tensor& b) { return a | b; }
Tensor bit_xor(const Tensor& a, const Tensor& b) { return a ^ b; }
Tensor shift_left(const Tensor& a, const Tensor& b) { return a << b; }
Tensor shift_right(const Tensor& a, const Tensor& b) { return a >> b; }
Tensor equal(const Tensor& a, const Tensor& b) { return a == b; }
Tensor not_equal(const Tensor& a, const Tensor& b) { return a != b; }
Tensor less(const Tensor& a, const Tensor& b) { return a < b; }
Tensor less_equal(const Tensor& a, const Tensor& b) { return a <= b; }

const Binary kBinary[] = {
    {E::Add, add, [](double a, double b) { return a + b; }, 0, 60, kRounded, Dtypes::Numbers},
    {E::Subtract, subtract, [](double a, double b) { return a - b; }, -60, 60, kRounded, Dtypes::Floating},
    {E::Multiply, multiply, [](double a, double b) { return a * b; }, 0, 10, kRounded, Dtypes::Numbers},
    {E::Divide, divide, [](double a, double b) { return a / b; }, 1, 60, kRounded, Dtypes::Floating},
    {E::FloorDivide, floor_divide, [](double a, double b) { return std::floor(a / b); }, 1, 60, kExact,
     Dtypes::Integers},
    {E::Remainder, modulo, python_mod, 1, 60, kRounded, Dtypes::Numbers},
    {E::Fmod, fmod, [](double a, double b) { return std::fmod(a, b); }, 1, 60, kExact, Dtypes::Numbers},
    {E::Maximum, maximum, maximum_of, 0, 60, kExact, Dtypes::Numbers},
    {E::Minimum, minimum, minimum_of, 0, 60, kExact, Dtypes::Numbers},
    {E::Pow, pow, [](double a, double b) { return std::pow(a, b); }, 0.5, 4, kFunction, Dtypes::Floating},
    {E::Atan2, atan2, [](double a, double b) { return std::atan2(a, b); }, -9, 9, kFunction, Dtypes::Floating},
    {E::Hypot, hypot, [](double a, double b) { return std::hypot(a, b); }, -9, 9, kFunction, Dtypes::Floating},
    {E::Copysign, copysign, [](double a, double b) { return std::copysign(a, b); }, -9, 9, kExact,
     Dtypes::Floating},
    {E::BitwiseAnd, bit_and, int_and, 0, 120, kExact, Dtypes::BoolsAndIntegers},
    {E::BitwiseOr, bit_or, int_or, 0, 120, kExact, Dtypes::BoolsAndIntegers},
    {E::BitwiseXor, bit_xor, int_xor, 0, 120, kExact, Dtypes::BoolsAndIntegers},
    {E::ShiftLeft, shift_left, [](double a, double b) { return a * std::exp2(b); }, 0, 5, kExact,
     Dtypes::Integers},
    {E::ShiftRight, shift_right, [](double a, double b) { return std::floor(a / std::exp2(b)); }, 0, 8, kExact,
     Dtypes::Integers},
    {E::Equal, equal, [](double a, double b) { return double(a == b); }, 0, 4, kExact, Dtypes::All, true},
    {E::NotEqual, not_equal, [](double a, double b) { return double(a != b); }, 0, 4, kExact, Dtypes::All, true},
    {E::Less, less, [](double a, double b) { return double(a < b); }, 0, 4, kExact, Dtypes::All, true},
    {E::LessEqual, less_equal, [](double a, double b) { return double(a <= b); }, 0, 4, kExact, Dtypes::All, true},
};

Array input(const Dimensions& shape, DType dtype, double low, double high) {
  return oracle::random_array(shape, dtype, dtype == DType::U8 ? std::max(low, 0.0) : low, high);
}

oracle::Layout some_layout() { return oracle::kLayouts[oracle::generator()() % std::size(oracle::kLayouts)]; }

std::string context(Elementwise code, DType dtype, const Dimensions& shape) {
  return std::string(elementwise_info(code).name) + " " + dtype_name(dtype) + " " + to_string(Shape(shape));
}

class UnarySuite : public ::testing::TestWithParam<Unary> {};
TEST_P(UnarySuite, MatchesTheOracle) {
  const Unary& op = GetParam();
  for (DType dtype : dtypes_of(op.dtypes)) {
    for (const Dimensions& shape : shapes()) {
      const Array x = input(shape, dtype, op.low, op.high);
      const DType result = op.gives_bool ? DType::Bool : dtype;
      Array expected = oracle::map(x, op.exact);
      // Bits of an unsigned byte stay in it.
      if (dtype == DType::U8 && op.code == E::BitwiseNot)
        expected = oracle::map(x, [](double v) { return 255 - v; });
      EXPECT_TRUE(
          oracle::matches(op.run(oracle::with_layout(x, dtype, some_layout())), expected, result, op.accuracy))
          << context(op.code, dtype, shape);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Elementwise, UnarySuite, ::testing::ValuesIn(kUnary),
                         [](const auto& info) { return std::string(elementwise_info(info.param.code).name); });

class BinarySuite : public ::testing::TestWithParam<Binary> {};
TEST_P(BinarySuite, MatchesTheOracle) {
  const Binary& op = GetParam();
  for (DType dtype : dtypes_of(op.dtypes)) {
    for (const Dimensions& shape : shapes()) {
      const Array a = input(shape, dtype, op.low, op.high), b = input(shape, dtype, op.low, op.high);
      const DType result = op.gives_bool ? DType::Bool : dtype;
      const Tensor x = oracle::with_layout(a, dtype, some_layout()),
                   y = oracle::with_layout(b, dtype, some_layout());
      EXPECT_TRUE(oracle::matches(op.run(x, y), oracle::map(a, b, op.exact), result, op.accuracy))
          << context(op.code, dtype, shape);
    }
  }
}

TEST_P(BinarySuite, Broadcasts) {
  const Binary& op = GetParam();
  const DType dtype = dtypes_of(op.dtypes).back();
  const std::pair<Dimensions, Dimensions> pairs[] = {
      {{5, 7}, {7}},       {{5, 7}, {5, 1}},   {{1}, {33}},  {{}, {4, 300}}, {{3, 1, 9}, {1, 300, 1}},
      {{2, 3, 4}, {3, 1}}, {{600, 1}, {1, 3}}, {{2, 0}, {1}}};
  for (const auto& [left, right] : pairs) {
    const Array a = input(left, dtype, op.low, op.high), b = input(right, dtype, op.low, op.high);
    const DType result = op.gives_bool ? DType::Bool : dtype;
    const Tensor x = oracle::to_tensor(a, dtype), y = oracle::to_tensor(b, dtype);
    EXPECT_TRUE(oracle::matches(op.run(x, y), oracle::map(a, b, op.exact), result, op.accuracy))
        << context(op.code, dtype, left);
    EXPECT_TRUE(oracle::matches(op.run(y, x), oracle::map(b, a, op.exact), result, op.accuracy))
        << context(op.code, dtype, right);
  }
}
INSTANTIATE_TEST_SUITE_P(Elementwise, BinarySuite, ::testing::ValuesIn(kBinary),
                         [](const auto& info) { return std::string(elementwise_info(info.param.code).name); });

TEST(ElementwiseSuite, CoversEveryPrimitive) {
  std::set<Elementwise> covered{E::Fma, E::Select, E::Cast};  // tested below
  for (const Unary& op : kUnary) covered.insert(op.code);
  for (const Binary& op : kBinary) covered.insert(op.code);
  for (int code = 0; code < kElementwiseCount; ++code) {
    EXPECT_TRUE(covered.count(static_cast<Elementwise>(code)))
        << elementwise_info(static_cast<Elementwise>(code)).name;
  }
}

TEST(ElementwiseSuite, Fma) {
  for (DType dtype : {DType::F32, DType::F64}) {
    for (const Dimensions& shape : shapes()) {
      const Array a = input(shape, dtype, -9, 9), b = input(shape, dtype, -9, 9), c = input(shape, dtype, -9, 9);
      const Array expected = oracle::map(a, b, c, [](double x, double y, double z) { return std::fma(x, y, z); });
      const Tensor actual = fma(oracle::to_tensor(a, dtype), oracle::with_layout(b, dtype, some_layout()),
                                oracle::to_tensor(c, dtype));
      EXPECT_TRUE(oracle::matches(actual, expected, dtype, kRounded)) << context(E::Fma, dtype, shape);
    }
  }
}

TEST(ElementwiseSuite, Select) {
  for (DType dtype : all_dtypes()) {
    for (const Dimensions& shape : shapes()) {
      const Array c = input(shape, DType::Bool, 0, 2), a = input(shape, dtype, 0, 99),
                  b = input(shape, dtype, 0, 99);
      const Array expected = oracle::map(c, a, b, [](double x, double y, double z) { return x != 0 ? y : z; });
      const Tensor actual = where(oracle::with_layout(c, DType::Bool, some_layout()), oracle::to_tensor(a, dtype),
                                  oracle::with_layout(b, dtype, some_layout()));
      EXPECT_TRUE(oracle::matches(actual, expected, dtype, kExact)) << context(E::Select, dtype, shape);
    }
  }
}

double cast_exactly(double x, DType from, DType to) {
  if (to == DType::Bool) return x != 0;
  if (is_floating(to)) return x;
  if (!is_floating(from)) return to == DType::U8 ? double(static_cast<uint8_t>(static_cast<int64_t>(x))) : x;
  if (std::isnan(x)) return 0;
  const double low = to == DType::U8 ? 0 : to == DType::I32 ? -0x1p31 : -0x1p63;
  const double high = to == DType::U8 ? 255 : to == DType::I32 ? 0x1p31 - 1 : 0x1p63;
  return std::min(std::max(std::trunc(x), low), high);
}

TEST(ElementwiseSuite, CastsBetweenAllDtypes) {
  for (DType from : all_dtypes()) {
    for (DType to : all_dtypes()) {
      for (const Dimensions& shape : shapes()) {
        Array x = input(shape, from, -90, 300);
        if (is_floating(from) && x.data.size() > 30) x.data[7] = NAN, x.data[8] = INFINITY, x.data[9] = -INFINITY;
        Array expected = oracle::map(x, [&](double v) { return cast_exactly(v, from, to); });
        expected = oracle::rounded(expected, is_floating(to) ? to : DType::F64);
        EXPECT_TRUE(oracle::matches(cast(oracle::with_layout(x, from, some_layout()), to), expected, to, kExact))
            << dtype_name(from) << " to " << dtype_name(to) << " " << to_string(Shape(shape));
      }
    }
  }
}

TEST(ElementwiseSuite, CastToHalfRoundsInsideAChain) {
  const Tensor x = Tensor(1.0 / 3) * ones({100});
  const Tensor chained = cast(cast(x, DType::F16), DType::F32) - x;
  EXPECT_NEAR(chained.to_vector<double>()[50], double(static_cast<float>(Half(1.0f / 3))) - double(1.0f / 3),
              1e-9);
}

TEST(ElementwiseSuite, SpecialValues) {
  const float inf = INFINITY;
  const Tensor x = Tensor::from_vector<float>({NAN, inf, -inf, 0, -0.0f, 1}, {6});
  const auto check = [&](const Tensor& actual, const std::vector<double>& expected) {
    EXPECT_TRUE(oracle::matches(actual, {{6}, expected}, actual.dtype(), kFunction));
  };
  check(isnan(x), {1, 0, 0, 0, 0, 0});
  check(isinf(x), {0, 1, 1, 0, 0, 0});
  check(isfinite(x), {0, 0, 0, 1, 1, 1});
  check(exp(x), {NAN, inf, 0, 1, 1, std::exp(1)});
  check(maximum(x, Tensor(0.5)), {NAN, inf, 0.5, 0.5, 0.5, 1});
  check(minimum(Tensor(0.5), x), {NAN, 0.5, -inf, 0, 0, 0.5});
  check(relu(x), {NAN, inf, 0, 0, 0, 1});
  check(sigmoid(x), {NAN, 1, 0, 0.5, 0.5, 1 / (1 + std::exp(-1))});
  EXPECT_EQ(floor_divide(Tensor(7), zeros({1}, DType::I32)).item<int64_t>(), 0);
}

}  // namespace
}  // namespace nngpu::suite
