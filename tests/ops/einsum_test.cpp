// Products: batches, vectors and einsum, against loops.
#include <map>
#include <vector>

#include "nngpu/ops.h"
#include "ops/einsum_parse.h"
#include "ops/expect_error.h"

namespace nngpu {
namespace {

Tensor range(const Shape& shape, int64_t start = 1) {
  return reshape(arange_int(start, start + numel(shape)), shape);
}

// The sum over all assignments of the labels: one loop over all of them.
std::vector<int64_t> naive(const ops::EinsumLabels& labels, const std::vector<Tensor>& operands, Shape* shape) {
  std::map<char, int64_t> sizes, at;
  for (size_t i = 0; i < operands.size(); ++i)
    for (size_t k = 0; k < labels.operands[i].size(); ++k) {
      int64_t& size = sizes[labels.operands[i][k]];
      size = std::max(size, operands[i].shape()[static_cast<int>(k)]);
    }
  const auto offset = [&](const std::string& names, const Shape& dims) {
    int64_t position = 0;
    for (size_t k = 0; k < names.size(); ++k) {
      const int64_t n = dims[static_cast<int>(k)];
      position = position * n + at[names[k]] % n;  // size 1 stays at 0
    }
    return position;
  };
  *shape = {};
  for (char label : labels.output) shape->push_back(sizes[label]);
  std::vector<int64_t> result(static_cast<size_t>(numel(*shape)));
  std::vector<std::vector<int64_t>> data;
  for (const Tensor& x : operands) data.push_back(x.to_vector<int64_t>());
  int64_t total = 1;
  for (const auto& [label, size] : sizes) total *= size;
  for (int64_t i = 0; i < total; ++i) {
    int64_t rest = i, product = 1;
    for (const auto& [label, size] : sizes) {
      at[label] = rest % size;
      rest /= size;
    }
    for (size_t k = 0; k < operands.size(); ++k)
      product *= data[k][static_cast<size_t>(offset(labels.operands[k], operands[k].shape()))];
    result[static_cast<size_t>(offset(labels.output, *shape))] += product;
  }
  return result;
}

void check(const std::string& equation, const std::vector<Shape>& shapes) {
  std::vector<Tensor> operands;
  for (const Shape& shape : shapes) operands.push_back(range(shape, static_cast<int64_t>(operands.size()) - 2));
  Shape shape;
  const std::vector<int64_t> expected = naive(ops::parse_einsum(equation, shapes), operands, &shape);
  const Tensor result = einsum(equation, operands);
  EXPECT_EQ(result.shape(), shape) << equation;
  EXPECT_EQ(result.to_vector<int64_t>(), expected) << equation;
}

TEST(Einsum, OneOperand) {
  for (const char* equation : {"ij", "ji", "ij->", "ij->i", "ij->j", "...", "...->...", "...j->...", "i...->..."})
    check(equation, {{2, 3}});
  for (const char* equation : {"ii", "ii->i", "ii->"}) check(equation, {{3, 3}});
  for (const char* equation : {"iij->j", "iij", "iij->ij"}) check(equation, {{3, 3, 2}});
  check("iii->i", {{2, 2, 2}});
  check("iijj->ij", {{2, 2, 3, 3}});
  check("", {{}});
}

TEST(Einsum, TwoOperands) {
  check("ij,jk", {{2, 3}, {3, 4}});
  check("ij,jk->ki", {{2, 3}, {3, 4}});
  check("ij,kj->ik", {{2, 3}, {4, 3}});
  check("i,j", {{2}, {3}});
  check("i,i", {{3}, {3}});
  check("i,i->i", {{3}, {3}});
  check("ij,ij->j", {{2, 3}, {2, 3}});
  check("bij,bjk->bik", {{5, 2, 3}, {5, 3, 4}});
  check("bij,bjk->ijk", {{5, 2, 3}, {5, 3, 4}});
  check("ijk,jl", {{2, 3, 4}, {3, 5}});
  check("ij,kl->", {{2, 3}, {4, 5}});
  check(" i j , j k -> i k ", {{2, 3}, {3, 4}});
  check("ij,->ij", {{2, 3}, {}});
  check("ii,i->i", {{3, 3}, {3}});
  check("ij,jk", {{2, 0}, {0, 3}});
}

TEST(Einsum, Broadcasting) {
  check("...ij,...jk", {{5, 2, 3}, {3, 4}});
  check("...ij,...jk->...ik", {{5, 1, 2, 3}, {6, 3, 4}});
  check("...i,...i->...", {{1, 3}, {4, 3}});
  check("i...,...i->...", {{3, 2}, {2, 3}});
  check("...,...", {{2, 1}, {3}});
}

TEST(Einsum, ManyOperands) {
  check("ij,jk,kl", {{2, 3}, {3, 4}, {4, 2}});
  check("a,b,c->cba", {{2}, {3}, {4}});
  check("ij,ik,il->jkl", {{2, 3}, {2, 4}, {2, 5}});
  check("i,i,i->", {{3}, {3}, {3}});
}

TEST(Matmul, ShapesAndVectors) {
  const Tensor a = range({2, 3}), b = range({3, 2});
  EXPECT_EQ(matmul(a, b).to_vector<int>(), (std::vector<int>{22, 28, 49, 64}));
  EXPECT_EQ(matmul(a, range({3})).to_vector<int>(), (std::vector<int>{14, 32}));
  EXPECT_EQ(matmul(range({2}), a).to_vector<int>(), (std::vector<int>{9, 12, 15}));
  EXPECT_EQ(dot(range({3}), range({3})).item<int>(), 14);
  EXPECT_EQ(outer(range({2}), range({2})).to_vector<int>(), (std::vector<int>{1, 2, 2, 4}));
  EXPECT_EQ(matmul(range({4, 1, 2, 3}), range({5, 3, 2})).shape(), (Shape{4, 5, 2, 2}));
  EXPECT_EQ(matmul(range({4, 2, 3}), range({3})).shape(), (Shape{4, 2}));
  EXPECT_EQ(matmul(range({3}), range({4, 3, 2})).shape(), (Shape{4, 2}));
  EXPECT_EQ(matmul(zeros({2, 0}), zeros({0, 3})).to_vector<int>(), std::vector<int>(6, 0));
}

}  // namespace
}  // namespace nngpu
