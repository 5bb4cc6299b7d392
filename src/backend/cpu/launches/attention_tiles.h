// Attention by tiles of scores: a block of queries times a block of keys, which the second-level cache holds.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_ATTENTION_TILES_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_ATTENTION_TILES_H_

#include <bit>
#include <limits>

#include "backend/cpu/blas.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/rows.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {

constexpr int64_t kQueryBlock = 128;
constexpr int64_t kKeyBlock = 256;

// A range of queries or of keys.
struct Span {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};
inline int64_t block_count(int64_t n, int64_t block) { return (n + block - 1) / block; }
inline Span block_of(int64_t i, int64_t n, int64_t block) { return {i * block, std::min(n, (i + 1) * block)}; }

// One operand of one head.
template <class T>
struct Rows {
  const T* data;
  int64_t rs, cs;
  const T* row(int64_t i) const { return data + i * rs; }
};

// Rows of an operand as they compute: in place, or widened into `buffer`.
template <class T, class C>
ConstMatrix<C> staged(const Rows<T>& x, Span rows, int64_t columns, C* buffer) {
  if constexpr (std::is_same_v<T, C>) {
    return {x.row(rows.begin), x.rs, x.cs};
  } else {
    for (int64_t i = 0; i < rows.size(); ++i) {
      const T* from = x.row(rows.begin + i);
      for (int64_t j = 0; j < columns; ++j) buffer[i * columns + j] = widen(from[j * x.cs]);
    }
    return {buffer, columns, 1};
  }
}

// What attention and its gradient have in common: sizes, the mask, and which keys a query sees.
struct AttentionProblem {
  int64_t queries, keys, head, value_head;
  graph::AttentionMask mask;
  bool causal;
  double scale;
  int mask_at;  // among the inputs

  AttentionProblem(const Item& item, const graph::AttentionParams& params, int mask_position)
      : mask(params.mask),
        causal(params.causal != 0),
        scale(std::bit_cast<double>(params.scale)),
        mask_at(mask_position) {
    const Shape &q = item.inputs[0].shape, &v = item.inputs[2].shape;
    const int rank = q.size();
    queries = q[rank - 2], head = q[rank - 1], keys = v[rank - 2], value_head = v[rank - 1];
  }
  // The keys of a block that some query of the other sees; none where there is none.
  Span seen(Span queries, Span block) const {
    return {block.begin, causal ? std::min(block.end, queries.end) : block.end};
  }
  // How many of the keys of a block query i sees: the first ones.
  int64_t seen(int64_t i, Span block) const {
    return causal ? std::clamp<int64_t>(i + 1 - block.begin, 0, block.size()) : block.size();
  }

  // The mask on n scores of a query, from key `begin` on.
  template <class C>
  void apply_mask(const graph::Operand& operand, const char* data, int64_t i, int64_t begin, int64_t n,
                  C* scores) const {
    if (mask == graph::AttentionMask::None) return;
    const int rank = operand.shape.size();
    const int64_t step = operand.strides[rank - 1], at = i * operand.strides[rank - 2] + begin * step;
    if (mask == graph::AttentionMask::Added) {
      const C* added = reinterpret_cast<const C*>(data) + at;
      for (int64_t j = 0; j < n; ++j) scores[j] += added[j * step];
    } else {
      const bool* allowed = reinterpret_cast<const bool*>(data) + at;
      for (int64_t j = 0; j < n; ++j)
        scores[j] = allowed[j * step] ? scores[j] : -std::numeric_limits<C>::infinity();
    }
  }
};

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_ATTENTION_TILES_H_
