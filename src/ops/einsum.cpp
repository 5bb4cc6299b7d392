// Einstein sums as matrix products, contracted from left to right.
#include <map>

#include "ops/axes.h"
#include "ops/einsum_parse.h"

namespace nngpu {
namespace {

using ops::contains;

// A tensor and one label an axis, all different and of the same size in every term.
struct Term {
  Tensor tensor;
  std::string labels;
  int64_t size(char label) const { return tensor.size(static_cast<int64_t>(labels.find(label))); }
};

Shape sizes(const Term& term, const std::string& labels) {
  Shape shape;
  for (char label : labels) shape.push_back(term.size(label));
  return shape;
}

Tensor permuted(const Term& term, const std::string& order) {
  Dims axes;
  for (char label : order) axes.push_back(static_cast<int64_t>(term.labels.find(label)));
  return permute(term.tensor, axes);
}

template <class Predicate>
std::string filtered(const std::string& labels, Predicate keep) {
  std::string result;
  for (char label : labels)
    if (keep(label)) result += label;
  return result;
}

// A label that occurs twice in one operand means the diagonal of its two axes.
Term without_repeats(Term term) {
  for (size_t i = 0; i < term.labels.size();) {
    const char label = term.labels[i];
    const size_t j = term.labels.find(label, i + 1);
    if (j == std::string::npos) {
      ++i;
      continue;
    }
    const auto p = static_cast<int64_t>(i), q = static_cast<int64_t>(j);
    if (term.tensor.size(p) != term.tensor.size(q))
      fail<ShapeError>("einsum", "sizes of subscript '", label, "' differ: ", term.tensor.shape());
    Dims axes;
    for (int64_t axis = 0; axis < term.tensor.rank(); ++axis)
      if (axis != p && axis != q) axes.push_back(axis);
    axes.push_back(p);
    axes.push_back(q);
    term.tensor = diagonal(permute(term.tensor, axes));
    // The diagonal is the last axis; what follows moved up to i.
    term.labels.erase(j, 1);
    term.labels.erase(i, 1);
    term.labels += label;
  }
  return term;
}

std::map<char, int64_t> label_sizes(const std::vector<Term>& terms) {
  std::map<char, int64_t> sizes;
  for (const Term& term : terms) {
    for (char label : term.labels) {
      const int64_t size = term.size(label);
      int64_t& known = sizes.try_emplace(label, size).first->second;
      const bool broadcast = ops::is_broadcast_label(label);
      if (broadcast && known == 1) known = size;
      if (known == size || (broadcast && size == 1)) continue;
      const std::string name = broadcast ? "\"...\"" : std::string("subscript '") + label + "'";
      fail<ShapeError>("einsum", "sizes of ", name, " differ: ", known, " and ", size);
    }
  }
  return sizes;
}

// Without the broadcast axes of size 1 that are longer elsewhere: then every label has one size.
Term without_broadcasts(const Term& term, const std::map<char, int64_t>& sizes) {
  int64_t dropped = 0;
  for (size_t i = 0; i < term.labels.size(); ++i)
    if (term.size(term.labels[i]) != sizes.at(term.labels[i])) dropped |= int64_t{1} << i;
  return {ops::drop_axes(term.tensor, dropped),
          filtered(term.labels, [&](char label) { return term.size(label) == sizes.at(label); })};
}

// Sums over the labels that are not kept.
Term summed(const Term& term, const std::string& kept) {
  Dims axes;
  for (size_t i = 0; i < term.labels.size(); ++i)
    if (!contains(kept, term.labels[i])) axes.push_back(static_cast<int64_t>(i));
  if (axes.empty()) return term;
  // In the operands' dtype, as products are: the sum of narrow integers would widen.
  return {cast(sum(term.tensor, axes), term.tensor.dtype()),
          filtered(term.labels, [&](char label) { return contains(kept, label); })};
}

// The product of two terms without common summed labels: elementwise.
Term outer_product(const Term& a, const Term& b, const std::string& batch, const std::string& rows,
                   const std::string& columns) {
  Shape left = sizes(a, batch + rows), right = sizes(b, batch);
  for (size_t i = 0; i < columns.size(); ++i) left.push_back(1);
  for (size_t i = 0; i < rows.size(); ++i) right.push_back(1);
  for (char label : columns) right.push_back(b.size(label));
  return {reshape(permuted(a, batch + rows), left) * reshape(permuted(b, batch + columns), right),
          batch + rows + columns};
}

// The labels of the product: those of both (batch), of a alone (rows), of b alone (columns).
Term contracted(const Term& a_given, const Term& b_given, const std::string& kept) {
  const Term a = summed(a_given, b_given.labels + kept), b = summed(b_given, a_given.labels + kept);
  const auto in_a = [&](char label) { return contains(a.labels, label); };
  const auto in_b = [&](char label) { return contains(b.labels, label); };
  const std::string batch = filtered(a.labels, [&](char c) { return in_b(c) && contains(kept, c); });
  const std::string inner = filtered(a.labels, [&](char c) { return in_b(c) && !contains(kept, c); });
  const std::string rows = filtered(a.labels, [&](char c) { return !in_b(c); });
  const std::string columns = filtered(b.labels, [&](char c) { return !in_a(c); });
  if (inner.empty()) return outer_product(a, b, batch, rows, columns);

  const Shape batch_sizes = sizes(a, batch);
  const int64_t m = numel(sizes(a, rows)), k = numel(sizes(a, inner)), n = numel(sizes(b, columns));
  Shape left = batch.empty() ? Shape{} : Shape{numel(batch_sizes)}, right = left, result = batch_sizes;
  for (int64_t size : {m, k}) left.push_back(size);
  for (int64_t size : {k, n}) right.push_back(size);
  for (int64_t size : sizes(a, rows)) result.push_back(size);
  for (int64_t size : sizes(b, columns)) result.push_back(size);
  const Tensor product = matmul(reshape(permuted(a, batch + rows + inner), left),
                                reshape(permuted(b, batch + inner + columns), right));
  return {reshape(product, result), batch + rows + columns};
}

}  // namespace

Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands) {
  if (operands.empty()) fail<ValueError>("einsum", "needs at least one operand");
  const std::vector<Tensor> tensors = ops::promoted("einsum", operands);
  std::vector<Shape> shapes;
  for (const Tensor& tensor : tensors) shapes.push_back(tensor.shape());
  const ops::EinsumLabels labels = ops::parse_einsum(equation, shapes);

  std::vector<Term> terms;
  for (size_t i = 0; i < tensors.size(); ++i)
    terms.push_back(without_repeats({ops::as_number("einsum", tensors[i]), labels.operands[i]}));
  const std::map<char, int64_t> sizes = label_sizes(terms);
  for (Term& term : terms) term = without_broadcasts(term, sizes);

  Term result = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) {
    std::string kept = labels.output;
    for (size_t later = i + 1; later < terms.size(); ++later) kept += terms[later].labels;
    result = contracted(result, terms[i], kept);
  }
  return permuted(summed(result, labels.output), labels.output);
}

}  // namespace nngpu
