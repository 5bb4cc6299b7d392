// Operations that move elements, against the oracle: views, joins, pads, indexing, sorting.
#include <algorithm>
#include <numeric>

#include "nngpu/ops.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Accuracy;
using oracle::Array;
using Index = std::vector<int64_t>;

// The array whose element at an index is what `source` says.
template <class Source>
Array build(const Index& shape, const Source& source) {
  Array result{shape, {}};
  oracle::for_each_index(shape, [&](const Index& index) { result.data.push_back(source(index)); });
  return result;
}

class MovementSuite : public ::testing::TestWithParam<DType> {
 protected:
  Array random(const Index& shape) { return oracle::random_array(shape, GetParam(), 0, 100); }
  Tensor tensor(const Array& a) {
    return oracle::with_layout(a, GetParam(), oracle::kLayouts[oracle::generator()() % 4]);
  }
  ::testing::AssertionResult same(const Tensor& actual, const Array& expected) {
    return oracle::matches(actual, expected, GetParam(), Accuracy::Exact);
  }
};

TEST_P(MovementSuite, Views) {
  const Array a = random({4, 6, 5});
  const Tensor x = tensor(a);
  EXPECT_TRUE(same(permute(x, {2, 0, 1}), oracle::permute(a, {2, 0, 1})));
  EXPECT_TRUE(same(transpose(x), oracle::permute(a, {0, 2, 1})));
  EXPECT_TRUE(same(swapaxes(x, 0, -1), oracle::permute(a, {2, 1, 0})));
  for (const Index& shape :
       {Index{24, 5}, Index{4, 30}, Index{120}, Index{2, 2, 3, 2, 5}, Index{1, 4, 1, 6, 5}, Index{8, 15}}) {
    EXPECT_TRUE(same(reshape(x, Shape(shape)), {shape, a.data})) << to_string(Shape(shape));
    EXPECT_TRUE(same(reshape(transpose(x), Shape(shape)), {shape, oracle::permute(a, {0, 2, 1}).data}));
  }
  EXPECT_TRUE(same(flatten(x, 1), {{4, 30}, a.data}));
  EXPECT_TRUE(same(broadcast_to(index(x, 1, 2), {3, 4, 5}), build({3, 4, 5}, [&](const Index& i) {
                     return a.at({i[1], 2, i[2]});
                   })));
  EXPECT_TRUE(same(slice(x, 1, 1, 6, 2), build({4, 3, 5}, [&](const Index& i) {
                     return a.at({i[0], 1 + 2 * i[1], i[2]});
                   })));
  EXPECT_TRUE(same(slice(x, 0, -1, -kEnd, -1), build({4, 6, 5}, [&](const Index& i) {
                     return a.at({3 - i[0], i[1], i[2]});
                   })));
  EXPECT_TRUE(same(slice(x, 2, -3, -1), build({4, 6, 2}, [&](const Index& i) {
                     return a.at({i[0], i[1], 2 + i[2]});
                   })));
  EXPECT_TRUE(same(flip(x, {0, 2}), build({4, 6, 5}, [&](const Index& i) {
                     return a.at({3 - i[0], i[1], 4 - i[2]});
                   })));
  EXPECT_TRUE(same(diagonal(x, 1), build({4, 4}, [&](const Index& i) { return a.at({i[0], i[1], i[1] + 1}); })));
  EXPECT_TRUE(same(diagonal(x, -2), build({4, 4}, [&](const Index& i) { return a.at({i[0], i[1] + 2, i[1]}); })));
  EXPECT_TRUE(same(roll(x, 2, 1), build({4, 6, 5}, [&](const Index& i) {
                     return a.at({i[0], (i[1] + 4) % 6, i[2]});
                   })));
  EXPECT_TRUE(same(tile(x, {1, 2, 1}), build({4, 12, 5}, [&](const Index& i) {
                     return a.at({i[0], i[1] % 6, i[2]});
                   })));
  EXPECT_TRUE(same(repeat(x, 3, 2), build({4, 6, 15}, [&](const Index& i) {
                     return a.at({i[0], i[1], i[2] / 3});
                   })));
  EXPECT_TRUE(same(contiguous(permute(x, {2, 1, 0})), oracle::permute(a, {2, 1, 0})));
  EXPECT_TRUE(same(expand_dims(squeeze(expand_dims(x, 1)), -1), {{4, 6, 5, 1}, a.data}));
}

TEST_P(MovementSuite, Joins) {
  const Array a = random({3, 4}), b = random({3, 2}), c = random({3, 0});
  const Tensor x = tensor(a), y = tensor(b), z = tensor(c);
  const auto joined = [&](const Index& i) { return i[1] < 4 ? a.at(i) : b.at({i[0], i[1] - 4}); };
  EXPECT_TRUE(same(concatenate({x, y, z}, 1), build({3, 6}, joined)));
  EXPECT_TRUE(same(concatenate({transpose(x), transpose(y)}, 0), build({6, 3}, [&](const Index& i) {
                     return joined({i[1], i[0]});
                   })));
  EXPECT_TRUE(same(stack({x, x}, 1), build({3, 2, 4}, [&](const Index& i) { return a.at({i[0], i[2]}); })));
  const auto halves = split(x, 2, 1);
  ASSERT_EQ(halves.size(), 2u);
  EXPECT_TRUE(same(halves[1], build({3, 2}, [&](const Index& i) { return a.at({i[0], i[1] + 2}); })));
  const auto parts = split_at(x, {1, 3}, 1);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_TRUE(same(parts[1], build({3, 2}, [&](const Index& i) { return a.at({i[0], i[1] + 1}); })));
}

TEST_P(MovementSuite, Pads) {
  const Array a = random({4, 5});
  const Tensor x = tensor(a);
  const std::vector<std::pair<int64_t, int64_t>> widths = {{1, 2}, {3, 0}};
  const auto inside = [](const Index& i) { return i[0] >= 1 && i[0] < 5 && i[1] >= 3; };
  const double fill = GetParam() == DType::Bool ? 1 : 7;
  EXPECT_TRUE(same(pad(x, widths, PadMode::Constant, fill), build({7, 8}, [&](const Index& i) {
                     return inside(i) ? a.at({i[0] - 1, i[1] - 3}) : fill;
                   })));
  const auto clamp = [](int64_t v, int64_t n) { return std::min(std::max<int64_t>(v, 0), n - 1); };
  EXPECT_TRUE(same(pad(x, widths, PadMode::Replicate), build({7, 8}, [&](const Index& i) {
                     return a.at({clamp(i[0] - 1, 4), clamp(i[1] - 3, 5)});
                   })));
  const auto reflect = [](int64_t v, int64_t n) { return v < 0 ? -v : v >= n ? 2 * n - 2 - v : v; };
  EXPECT_TRUE(same(pad(x, widths, PadMode::Reflect), build({7, 8}, [&](const Index& i) {
                     return a.at({reflect(i[0] - 1, 4), reflect(i[1] - 3, 5)});
                   })));
}

TEST_P(MovementSuite, Indexing) {
  const Array a = random({6, 5});
  const Tensor x = tensor(a);
  const Tensor rows = Tensor::from_vector<int64_t>({5, 0, -1, 2}, {2, 2});
  const Index picked = {5, 0, 5, 2};
  EXPECT_TRUE(same(take(x, rows, 0), build({2, 2, 5}, [&](const Index& i) {
                     return a.at({picked[size_t(i[0] * 2 + i[1])], i[2]});
                   })));
  const Tensor columns = Tensor::from_vector<int32_t>({4, 0, -5}, {3});
  const Index chosen = {4, 0, 0};
  EXPECT_TRUE(same(take(x, columns, 1), build({6, 3}, [&](const Index& i) {
                     return a.at({i[0], chosen[size_t(i[1])]});
                   })));
  const Array order = oracle::random_array({6, 5}, DType::I64, 0, 6);
  EXPECT_TRUE(same(gather(x, oracle::to_tensor(order, DType::I64), 0), build({6, 5}, [&](const Index& i) {
                     return a.at({int64_t(order.at(i)), i[1]});
                   })));
}

TEST_P(MovementSuite, SortsAreStable) {
  for (const Index& shape : {Index{0}, Index{1}, Index{33}, Index{7, 40}, Index{40, 7}, Index{3, 5000}}) {
    const Array a = oracle::random_array(shape, GetParam(), 0, 20);
    for (int64_t axis = 0; axis < a.rank(); ++axis) {
      for (const bool descending : {false, true}) {
        Array order = oracle::filled(shape, 0), sorted = a;
        Index lines = shape;
        lines[size_t(axis)] = shape[size_t(axis)] > 0 ? 1 : 0;
        oracle::for_each_index(lines, [&](Index index) {
          const auto at = [&](int64_t k) {
            index[size_t(axis)] = k;
            return a.at(index);
          };
          Index line(static_cast<size_t>(shape[size_t(axis)]));
          std::iota(line.begin(), line.end(), 0);
          std::stable_sort(line.begin(), line.end(),
                           [&](int64_t p, int64_t q) { return descending ? at(p) > at(q) : at(p) < at(q); });
          for (size_t k = 0; k < line.size(); ++k) {
            const double value = at(line[k]);
            index[size_t(axis)] = int64_t(k);
            order.ref(index) = double(line[k]);
            sorted.ref(index) = value;
          }
        });
        const Tensor x = tensor(a);
        EXPECT_TRUE(same(sort(x, axis, descending), sorted)) << to_string(Shape(shape));
        EXPECT_TRUE(oracle::matches(argsort(x, axis, descending), order, DType::I64, Accuracy::Exact))
            << to_string(Shape(shape));
        const int64_t k = std::min<int64_t>(3, shape[size_t(axis)]);
        const TopK top = topk(x, k, axis, descending);
        EXPECT_TRUE(
            same(top.values, oracle::from_tensor(slice(oracle::to_tensor(sorted, GetParam()), axis, 0, k))));
        EXPECT_TRUE(oracle::matches(top.indices,
                                    oracle::from_tensor(slice(oracle::to_tensor(order, DType::I64), axis, 0, k)),
                                    DType::I64, Accuracy::Exact));
      }
    }
  }
}

TEST_P(MovementSuite, NonzeroAndUnique) {
  const Array a = oracle::random_array({9, 7}, GetParam(), 0, 4);
  const Tensor x = tensor(a);
  Array found{{0, 2}, {}};
  oracle::for_each_index(a.shape, [&](const Index& i) {
    if (a.at(i) == 0) return;
    found.data.insert(found.data.end(), {double(i[0]), double(i[1])});
    ++found.shape[0];
  });
  EXPECT_TRUE(oracle::matches(nonzero(x), found, DType::I64, Accuracy::Exact));
  std::vector<double> values = a.data;
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const Unique u = unique(x);
  EXPECT_TRUE(same(u.values, {{int64_t(values.size())}, values}));
  const auto inverse = u.inverse.to_vector<int64_t>();
  for (size_t i = 0; i < a.data.size(); ++i) EXPECT_EQ(values[size_t(inverse[i])], a.data[i]);
  const auto counts = u.counts.to_vector<int64_t>();
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), int64_t{0}), a.size());
}

INSTANTIATE_TEST_SUITE_P(Dtypes, MovementSuite, ::testing::ValuesIn(all_dtypes()),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

TEST(MovementSuiteMore, ScatterAdd) {
  for (DType dtype : {DType::I32, DType::I64, DType::F32, DType::F64}) {
    const Array a = oracle::random_array({6, 5}, dtype, 0, 50), u = oracle::random_array({9, 5}, dtype, 0, 50);
    const Array where = oracle::random_array({9, 5}, DType::I64, 0, 6);
    Array expected = a;
    oracle::for_each_index(u.shape, [&](const Index& i) {
      expected.ref({int64_t(where.at(i)), i[1]}) += u.at(i);
    });
    const Tensor actual = scatter_add(oracle::to_tensor(a, dtype), oracle::to_tensor(where, DType::I64),
                                      oracle::to_tensor(u, dtype), 0);
    EXPECT_TRUE(oracle::matches(actual, expected, dtype, Accuracy::Accumulated, 500)) << dtype_name(dtype);
  }
}

TEST(MovementSuiteMore, IndicesOutOfRangeAreErrorsAtTheRead) {
  const Tensor x = zeros({10, 3});
  const Tensor bad = take(x, Tensor::from_vector<int64_t>({0, 12}, {2}), 0);
  EXPECT_THROW(bad.eval(), IndexError);
  EXPECT_THROW((bad + 1).to_vector<float>(), IndexError);  // descendants fail as well
  EXPECT_NO_THROW(take(x, Tensor::from_vector<int64_t>({-10, 9}, {2}), 0).eval());
}

TEST(MovementSuiteMore, Creation) {
  EXPECT_EQ(arange_int(2, 11, 3).to_vector<int64_t>(), (Index{2, 5, 8}));
  EXPECT_EQ(arange_int(5, 0, -2).to_vector<int64_t>(), (Index{5, 3, 1}));
  EXPECT_EQ(linspace(0, 1, 5).to_vector<double>(), (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(linspace(0.1, 0.7, 7, DType::F64).to_vector<double>().back(), 0.7);
  EXPECT_TRUE(oracle::matches(eye(4, 5, 1), build({4, 5}, [](const Index& i) { return double(i[1] == i[0] + 1); }),
                              DType::F32, Accuracy::Exact));
  EXPECT_TRUE(oracle::matches(tri(4, 3, -1),
                              build({4, 3}, [](const Index& i) { return double(i[1] <= i[0] - 1); }), DType::F32,
                              Accuracy::Exact));
  const Array a = oracle::random_array({2, 5, 6}, DType::F32, 1, 9);
  const Tensor x = oracle::to_tensor(a, DType::F32);
  EXPECT_TRUE(oracle::matches(tril(x, 1),
                              build({2, 5, 6}, [&](const Index& i) { return i[2] <= i[1] + 1 ? a.at(i) : 0; }),
                              DType::F32, Accuracy::Exact));
  EXPECT_TRUE(oracle::matches(triu(x, -1),
                              build({2, 5, 6}, [&](const Index& i) { return i[2] >= i[1] - 1 ? a.at(i) : 0; }),
                              DType::F32, Accuracy::Exact));
  for (DType dtype : all_dtypes()) {
    EXPECT_TRUE(oracle::matches(zeros({3, 2}, dtype), oracle::filled({3, 2}, 0), dtype, Accuracy::Exact));
    EXPECT_TRUE(oracle::matches(ones({3, 2}, dtype), oracle::filled({3, 2}, 1), dtype, Accuracy::Exact));
  }
  EXPECT_TRUE(oracle::matches(one_hot(Tensor::from_vector<int64_t>({2, 0}, {2}), 3), {{2, 3}, {0, 0, 1, 1, 0, 0}},
                              DType::F32, Accuracy::Exact));
}

}  // namespace
}  // namespace nngpu::suite
