// Attention after FlashAttention-2 (Dao, 2023): a block of queries meets one block of keys after another, and what
// was summed is corrected whenever a row finds a larger score.
#include <cmath>

#include "backend/cpu/launches/attention_tiles.h"
#include "backend/cpu/launches/softmax.h"

namespace nngpu::cpu {
namespace {

using graph::AttentionMask;

// What a thread works in.
template <class C>
struct Work {
  C *scores, *sums, *q, *k, *v, *maxima;
  double* totals;
  static int64_t size(const AttentionProblem& p, bool widens) {
    const int64_t widened = kQueryBlock * p.head + kKeyBlock * (p.head + p.value_head);
    return kQueryBlock * (kKeyBlock + p.value_head) + (widens ? widened : 0) + 3 * kQueryBlock;
  }
  Work(const AttentionProblem& p, bool widens, C* memory) {
    totals = reinterpret_cast<double*>(memory);
    maxima = memory + 2 * kQueryBlock;
    scores = maxima + kQueryBlock;
    sums = scores + kQueryBlock * kKeyBlock;
    q = sums + kQueryBlock * p.value_head;
    k = widens ? q + kQueryBlock * p.head : q;
    v = widens ? k + kKeyBlock * p.head : q;
  }
};

template <class T, class C>
struct Head {
  Rows<T> q, k, v;
  const char* mask;
  T* out;
  C* lse;
};

template <class T, class C>
void add_keys(const AttentionProblem& p, const Item& item, const Head<T, C>& head, Span queries, Span keys,
              ConstMatrix<C> q, const Work<C>& work) {
  const ConstMatrix<C> k = staged(head.k, keys, p.head, work.k), v = staged(head.v, keys, p.value_head, work.v);
  const int64_t n = keys.size();
  gemm<C>(queries.size(), n, p.head, static_cast<C>(p.scale), q, {k.data, k.cs, k.rs}, C{0}, {work.scores, n, 1});
  for (int64_t r = 0; r < queries.size(); ++r) {
    C* row = work.scores + r * n;
    const int64_t i = queries.begin + r, seen = p.seen(i, keys);
    std::fill(row + seen, row + n, C{0});
    if (seen == 0) continue;
    if (p.mask != AttentionMask::None) p.apply_mask(item.inputs[p.mask_at], head.mask, i, keys.begin, seen, row);
    const C correction = softmax_part(seen, row, work.maxima[r], work.totals[r]);
    C* sums = work.sums + r * p.value_head;
    if (correction != C{1})
      for (int64_t c = 0; c < p.value_head; ++c) sums[c] *= correction;
  }
  gemm<C>(queries.size(), p.value_head, n, C{1}, {work.scores, n, 1}, v, C{1}, {work.sums, p.value_head, 1});
}

// A row of no weight at all: a mask that chooses gives zeros, one that is added NaN.
template <class T, class C>
void finish_row(const AttentionProblem& p, double total, C max, const C* sums, T* out, C* lse) {
  const bool nothing = total == 0 && p.mask == AttentionMask::Allowed;
  const C factor = nothing ? C{0} : static_cast<C>(1 / total);
  for (int64_t c = 0; c < p.value_head; ++c) out[c] = narrow<T>(nothing ? C{0} : sums[c] * factor);
  *lse = nothing      ? std::numeric_limits<C>::infinity()
         : total == 0 ? std::numeric_limits<C>::quiet_NaN()
                      : static_cast<C>(static_cast<double>(max) + std::log(total));
}

template <class T, class C>
void attend(const AttentionProblem& p, const Item& item, const Head<T, C>& head, Span queries,
            const Work<C>& work) {
  std::fill(work.maxima, work.maxima + kQueryBlock, -std::numeric_limits<C>::infinity());
  std::fill(work.totals, work.totals + kQueryBlock, 0.0);
  std::fill(work.sums, work.sums + kQueryBlock * p.value_head, C{0});
  const ConstMatrix<C> q = staged(head.q, queries, p.head, work.q);
  for (int64_t b = 0; b < block_count(p.keys, kKeyBlock); ++b) {
    const Span keys = p.seen(queries, block_of(b, p.keys, kKeyBlock));
    if (keys.size() <= 0) break;
    add_keys(p, item, head, queries, keys, q, work);
  }
  for (int64_t r = 0; r < queries.size(); ++r) {
    const int64_t i = queries.begin + r;
    finish_row(p, work.totals[r], work.maxima[r], work.sums + r * p.value_head, head.out + i * p.value_head,
               head.lse + i);
  }
}

template <class T>
void attention_item(const Item& item, const graph::AttentionParams& params, const RunContext& context) {
  using C = Compute<T>;
  const AttentionProblem p(item, params, 3);
  const graph::Operand &q = item.inputs[0], &k = item.inputs[1], &v = item.inputs[2];
  const bool masked = p.mask != AttentionMask::None;
  const graph::Operand& mask = masked ? item.inputs[3] : q;
  const int rank = q.shape.size();
  Walk<4> heads(q.shape, 0, rank - 2, -1, {&q.strides, &k.strides, &v.strides, &mask.strides});
  const int64_t blocks = block_count(p.queries, kQueryBlock), tasks = heads.count() * blocks;
  constexpr bool kWidens = !std::is_same_v<T, C>;
  ScratchFrame scratch;
  const PerThread<C> memory(scratch, Work<C>::size(p, kWidens), tasks);
  const auto rows = [&](const graph::Operand& x, int64_t at) {
    return Rows<T>{context.at<T>(x) + at, x.strides[rank - 2], x.strides[rank - 1]};
  };
  parallel_for(tasks, line_grain(kQueryBlock * p.keys * p.head), [&](int64_t begin, int64_t end) {
    const Work<C> work(p, kWidens, memory.mine());
    for (int64_t task = begin; task < end; ++task) {
      heads.for_points(task / blocks, task / blocks + 1, [&](const int64_t(&at)[4], int64_t number) {
        const Head<T, C> head{rows(q, at[0]),
                              rows(k, at[1]),
                              rows(v, at[2]),
                              context.at(mask) + at[3] * static_cast<int64_t>(dtype_size(mask.dtype)),
                              context.at<T>(item.outputs[0]) + number * p.queries * p.value_head,
                              context.at<C>(item.outputs[1]) + number * p.queries};
        attend(p, item, head, block_of(task % blocks, p.queries, kQueryBlock), work);
      });
    }
  });
}

}  // namespace

void run_attention(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::AttentionParams>();
  for_items(launch, [&](const Item& item) {
    visit_dtype(item.inputs[0].dtype, [&]<class T>() {
      if constexpr (is_floating_type<T>) attention_item<T>(item, params, context);
    });
  });
}

}  // namespace nngpu::cpu
