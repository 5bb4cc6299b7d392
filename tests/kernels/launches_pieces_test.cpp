// Launches over more matrices than one piece of a stack holds: every matrix gives the bits it gives alone,
// wherever the cuts fall, whatever the layouts, and whether or not results are written past the caches.
#include "kernels/launch_fixture.h"

namespace nngpu::cpu {
namespace {

using graph::LinalgParams;

struct Operation {
  const char* name;
  Kernel kernel;
  bool rhs, symmetric;
  std::vector<int> tails;  // of the outputs: matrices 2, vectors 1, numbers 0
  std::vector<DType> dtypes;
};

// F16 stands for the type of the matrices.
const std::vector<Operation>& operations() {
  constexpr DType kSame = DType::F16;
  static const std::vector<Operation> all = {
      {"lu_factor", run_lu_factor, false, false, {2, 1, 0}, {kSame, DType::I32, DType::I32}},
      {"cholesky", run_cholesky, false, true, {2, 0}, {kSame, DType::I32}},
      {"inverse", run_inverse, false, false, {2, 0}, {kSame, DType::I32}},
      {"solve", run_solve, true, false, {2, 0}, {kSame, DType::I32}},
      {"qr", run_qr, false, false, {2, 2}, {kSame, kSame}},
      {"eigh", run_eigh, false, true, {1, 2, 0}, {kSame, kSame, DType::I32}},
      {"svd", run_svd, false, false, {2, 1, 2, 0}, {kSame, kSame, kSame, DType::I32}},
  };
  return all;
}

Array random_matrices(const Shape& batch, int64_t n, DType dtype, bool symmetric, std::mt19937& random) {
  Shape shape = batch;
  shape.push_back(n), shape.push_back(n);
  Array a = random_array(shape, dtype, random, 1);
  for (int64_t item = 0; symmetric && item < numel(batch); ++item)
    for (int64_t i = 0; i < n; ++i) {
      double* matrix = a.values.data() + item * n * n;
      for (int64_t j = 0; j < i; ++j) matrix[j * n + i] = matrix[i * n + j];
      matrix[i * n + i] += static_cast<double>(n);
    }
  return a;
}

// Entries [begin, end) of a batch, as a batch of one axis or (end == begin + 1) as no batch.
Array entries(const Array& x, int64_t tail, int64_t begin, int64_t end) {
  Shape shape(x.shape.end() - tail, x.shape.end());
  const int64_t size = numel(shape);
  Array out{end == begin + 1 ? shape : Shape{end - begin}, {}};
  if (end != begin + 1)
    for (int64_t side : shape) out.shape.push_back(side);
  out.values.assign(x.values.begin() + begin * size, x.values.begin() + end * size);
  return out;
}

void add_item(Runner& runner, const Operation& op, DType dtype, const Array& a, const Array& b, Layout in,
              Layout out) {
  runner.input(dtype, a, in);
  if (op.rhs) runner.input(dtype, b, in);
  for (size_t i = 0; i < op.tails.size(); ++i) {
    const Shape shape(a.shape.begin(), a.shape.end() - (2 - op.tails[i]));
    runner.output(op.dtypes[i] == DType::F16 ? dtype : op.dtypes[i], shape,
                  op.tails[i] == 2 ? out : Layout::RowMajor);
  }
}

LinalgParams unchecked() {
  LinalgParams params;
  params.check = 0;
  return params;
}

void expect_same(const Array& got, const Array& want) {
  ASSERT_EQ(got.values.size(), want.values.size());
  for (size_t i = 0; i < got.values.size(); ++i) {
    if (std::isnan(want.values[i]) && std::isnan(got.values[i])) continue;
    ASSERT_EQ(got.values[i], want.values[i]) << i;
  }
}

// The batch in one launch against every `step`-th matrix of it in a launch of its own.
void expect_entries_alone(const Operation& op, DType dtype, const Array& a, const Array& b, Layout in, Layout out,
                          int64_t step) {
  Runner together(unchecked());
  add_item(together, op, dtype, a, b, in, out);
  together.run(op.kernel);
  std::vector<Array> results;
  for (size_t i = 0; i < op.tails.size(); ++i) results.push_back(together.result(static_cast<int>(i)));
  const int64_t count = numel(Shape(a.shape.begin(), a.shape.end() - 2));
  for (int64_t e = 0; e < count; e += step) {
    SCOPED_TRACE("entry " + std::to_string(e));
    Runner alone(unchecked());
    add_item(alone, op, dtype, entries(a, 2, e, e + 1), entries(b, 2, e, e + 1), in, out);
    alone.run(op.kernel);
    for (size_t i = 0; i < op.tails.size(); ++i)
      ASSERT_NO_FATAL_FAILURE(
          expect_same(alone.result(static_cast<int>(i)), entries(results[i], op.tails[i], e, e + 1)));
  }
}

TEST(Pieces, EntriesGiveTheirBitsAlone) {
  std::mt19937 random(1);
  for (const auto& [batch, n] : {std::pair<Shape, int64_t>{{7, 41}, 13}, {{75}, 32}, {{5, 8}, 40}})
    for (DType dtype : {DType::F32, DType::F64})
      for (const Operation& op : operations())
        for (Layout in : kLayouts)
          for (Layout out : {Layout::ColumnMajor, Layout::RowMajor, Layout::Reversed}) {
            SCOPED_TRACE(std::string(op.name) + dtype_name(dtype) + to_string(batch) + std::to_string(n));
            Array a = random_matrices(batch, n, dtype, op.symmetric, random);
            const Array b = random_matrices(batch, n, dtype, false, random);
            a.values[(numel(batch) - 3) * n * n + n] = std::numeric_limits<double>::quiet_NaN();
            ASSERT_NO_FATAL_FAILURE(
                expect_entries_alone(op, dtype, a, b, in, out, in == Layout::ColumnMajor ? 1 : 9));
          }
}

TEST(Pieces, ResultsWrittenPastTheCaches) {
  std::mt19937 random(2);
  constexpr int64_t kCount = 2100;  // 17 MB
  for (const Operation& op : operations()) {
    SCOPED_TRACE(op.name);
    Array a = random_matrices({kCount}, 32, DType::F64, op.symmetric, random);
    const Array b = random_matrices({kCount}, 32, DType::F64, false, random);
    for (int64_t e : {int64_t{0}, int64_t{1000}, kCount - 1})
      a.values[e * 1024 + 32] = a.values[e * 1024] = INFINITY;
    ASSERT_NO_FATAL_FAILURE(
        expect_entries_alone(op, DType::F64, a, b, Layout::ColumnMajor, Layout::ColumnMajor, 100));
  }
}

// Items of one launch, whose matrices share pieces.
TEST(Pieces, ItemsOfALaunch) {
  std::mt19937 random(3);
  constexpr int64_t kItems = 9, kEach = 23;
  for (const Operation& op : operations()) {
    SCOPED_TRACE(op.name);
    const Array a = random_matrices({kItems * kEach}, 17, DType::F64, op.symmetric, random);
    const Array b = random_matrices({kItems * kEach}, 17, DType::F64, false, random);
    Runner together(unchecked()), single(unchecked());
    for (int64_t i = 0; i < kItems; ++i)
      add_item(together, op, DType::F64, entries(a, 2, i * kEach, (i + 1) * kEach),
               entries(b, 2, i * kEach, (i + 1) * kEach), Layout::ColumnMajor, Layout::ColumnMajor);
    together.run(op.kernel, kItems);
    add_item(single, op, DType::F64, a, b, Layout::ColumnMajor, Layout::ColumnMajor);
    single.run(op.kernel);
    const int outputs = static_cast<int>(op.tails.size());
    for (int o = 0; o < outputs; ++o)
      for (int64_t i = 0; i < kItems; ++i)
        ASSERT_NO_FATAL_FAILURE(expect_same(together.result(static_cast<int>(i) * outputs + o),
                                            entries(single.result(o), op.tails[o], i * kEach, (i + 1) * kEach)));
  }
}

// The reports name the entry by its place in the batch, not in its piece.
TEST(Pieces, FailuresNameTheEntry) {
  std::mt19937 random(4);
  const Operation& inverse = operations()[2];
  Array a = random_matrices({300}, 16, DType::F64, false, random);
  std::fill_n(a.values.begin() + 201 * 256, 256, 0.0);
  Runner singular{LinalgParams{}};
  add_item(singular, inverse, DType::F64, a, a, Layout::RowMajor, Layout::ColumnMajor);
  singular.run(run_inverse);
  EXPECT_EQ(singular.failure<SingularMatrixError>().item(), 201);
  a.values[170 * 256 + 3] = INFINITY;
  Runner infinite{LinalgParams{}};
  add_item(infinite, inverse, DType::F64, a, a, Layout::RowMajor, Layout::ColumnMajor);
  infinite.run(run_inverse);
  EXPECT_EQ(infinite.failure<NonFiniteError>().item(), 170);
}

}  // namespace
}  // namespace nngpu::cpu
