// The gradient of attention by tiles: the weights are computed again from the rows' logarithms. Each sum adds its
// tiles in the order of their blocks, so neither threads nor how the work is cut show in the bits.
#include "backend/cpu/launches/attention_tiles.h"

namespace nngpu::cpu {
namespace {

using graph::AttentionMask;

template <class T, class C>
struct Head {
  Rows<T> q, k, v, g;
  Rows<C> lse, delta;
  const char* mask;
  C *dq, *dk, *dv;  // from the first row of what is computed; null where it is not
};

// What a thread works in: two tiles, and blocks of the operands where they are widened.
template <class C>
struct Work {
  C *scores, *slopes, *q, *k, *v, *g;
  static int64_t size(const AttentionProblem& p, bool widens) {
    return 2 * kQueryBlock * kKeyBlock + (widens ? (kQueryBlock + kKeyBlock) * (p.head + p.value_head) : 0);
  }
  Work(const AttentionProblem& p, bool widens, C* memory)
      : scores(memory), slopes(scores + kQueryBlock * kKeyBlock), q(slopes + kQueryBlock * kKeyBlock) {
    g = widens ? q + kQueryBlock * p.head : q;
    k = widens ? g + kQueryBlock * p.value_head : q;
    v = widens ? k + kKeyBlock * p.head : q;
  }
};

template <class C>
ConstMatrix<C> transposed(ConstMatrix<C> x) {
  return {x.data, x.cs, x.rs};
}

// The weights of a tile, and the gradient of its scores but for the scale.
template <class T, class C>
void prepare_tile(const AttentionProblem& p, const Item& item, const Head<T, C>& head, Span queries, Span keys,
                  const Work<C>& work) {
  const int64_t n = keys.size();
  for (int64_t r = 0; r < queries.size(); ++r) {
    C *scores = work.scores + r * n, *slopes = work.slopes + r * n;
    const int64_t i = queries.begin + r, seen = p.seen(i, keys);
    std::fill(scores + seen, scores + n, C{0});
    std::fill(slopes + seen, slopes + n, C{0});
    if (seen == 0) continue;
    if (p.mask != AttentionMask::None)
      p.apply_mask(item.inputs[p.mask_at], head.mask, i, keys.begin, seen, scores);
    attention_row_gradient(seen, *head.lse.row(i), *head.delta.row(i), scores, slopes);
  }
}

// Adds what the blocks of queries and keys have to do with each other; sums start at `all_queries`, `all_keys`.
template <class T, class C>
void add_tile(const AttentionProblem& p, const Item& item, const Head<T, C>& head, Span queries, Span keys,
              Span all_queries, Span all_keys, const Work<C>& work) {
  const ConstMatrix<C> q = staged(head.q, queries, p.head, work.q),
                       g = staged(head.g, queries, p.value_head, work.g);
  const ConstMatrix<C> k = staged(head.k, keys, p.head, work.k), v = staged(head.v, keys, p.value_head, work.v);
  const int64_t m = queries.size(), n = keys.size();
  const auto scale = static_cast<C>(p.scale);
  gemm<C>(m, n, p.head, scale, q, transposed(k), C{0}, {work.scores, n, 1});
  gemm<C>(m, n, p.value_head, C{1}, g, transposed(v), C{0}, {work.slopes, n, 1});
  prepare_tile(p, item, head, queries, keys, work);
  const ConstMatrix<C> weights{work.scores, n, 1}, slopes{work.slopes, n, 1};
  if (head.dq != nullptr)
    gemm<C>(m, p.head, n, scale, slopes, k, C{1},
            {head.dq + (queries.begin - all_queries.begin) * p.head, p.head, 1});
  if (head.dk == nullptr) return;
  const int64_t at = keys.begin - all_keys.begin;
  gemm<C>(n, p.head, m, scale, transposed(slopes), q, C{1}, {head.dk + at * p.head, p.head, 1});
  gemm<C>(n, p.value_head, m, C{1}, transposed(weights), g, C{1}, {head.dv + at * p.value_head, p.value_head, 1});
}

template <class T, class C>
void add_tiles(const AttentionProblem& p, const Item& item, const Head<T, C>& head, Span all_queries,
               Span all_keys, const Work<C>& work) {
  for (int64_t key = all_keys.begin; key < all_keys.end; key += kKeyBlock) {
    const Span keys{key, std::min(all_keys.end, key + kKeyBlock)};
    for (int64_t query = all_queries.begin; query < all_queries.end; query += kQueryBlock) {
      const Span queries{query, std::min(all_queries.end, query + kQueryBlock)};
      const Span seen = p.seen(queries, keys);
      if (seen.size() > 0) add_tile(p, item, head, queries, seen, all_queries, all_keys, work);
    }
  }
}

// All gradients of a head at once, or those of blocks of keys, or of queries.
enum class Part { Whole, Keys, Queries };

template <class T>
class Gradient {
 public:
  using C = Compute<T>;

  Gradient(const Item& item, const graph::AttentionParams& params, const RunContext& context)
      : item_(item),
        context_(context),
        p_(item, params, 6),
        rank_(item.inputs[0].shape.size()),
        heads_(item.inputs[0].shape, 0, rank_ - 2, -1,
               {&item.inputs[0].strides, &item.inputs[1].strides, &item.inputs[2].strides, &item.inputs[3].strides,
                &item.inputs[4].strides, &item.inputs[5].strides, &mask().strides}) {}

  void run() {
    // Computing the tiles twice shares fewer heads than threads; the sums are the same.
    if (heads_.count() >= num_threads()) return run(Part::Whole, 1);
    run(Part::Keys, block_count(p_.keys, kKeyBlock));
    run(Part::Queries, block_count(p_.queries, kQueryBlock));
  }

 private:
  static constexpr bool kWidens = !std::is_same_v<T, C>;

  const graph::Operand& mask() const { return item_.inputs[p_.mask == AttentionMask::None ? 0 : 6]; }

  template <class X>
  Rows<X> rows(int which, int64_t at) const {
    const graph::Operand& x = item_.inputs[which];
    return {context_.at<X>(x) + at, x.strides[rank_ - 2], which < 4 ? x.strides[rank_ - 1] : 0};
  }
  Span queries_of(Part part, int64_t block) const {
    return part == Part::Queries ? block_of(block, p_.queries, kQueryBlock) : Span{0, p_.queries};
  }
  Span keys_of(Part part, int64_t block) const {
    return part == Part::Keys ? block_of(block, p_.keys, kKeyBlock) : Span{0, p_.keys};
  }
  int64_t sums_size(Part part) const {
    const Span queries = queries_of(part, 0), keys = keys_of(part, 0);
    return queries.size() * p_.head + keys.size() * (p_.head + p_.value_head);
  }

  void run(Part part, int64_t blocks) {
    const int64_t tasks = heads_.count() * blocks, size = Work<C>::size(p_, kWidens);
    ScratchFrame scratch;
    const PerThread<C> memory(scratch, size + (kWidens ? sums_size(part) : 0), tasks);
    parallel_for(tasks, 1, [&](int64_t begin, int64_t end) {
      C* mine = memory.mine();
      for (int64_t task = begin; task < end; ++task)
        heads_.for_points(task / blocks, task / blocks + 1, [&](const int64_t(&at)[7], int64_t number) {
          run_task(part, at, number, task % blocks, Work<C>(p_, kWidens, mine), mine + size);
        });
    });
  }

  void run_task(Part part, const int64_t (&at)[7], int64_t number, int64_t block, const Work<C>& work,
                C* sums) const {
    const Span queries = queries_of(part, block), keys = keys_of(part, block);
    Head<T, C> head{rows<T>(0, at[0]),
                    rows<T>(1, at[1]),
                    rows<T>(2, at[2]),
                    rows<T>(3, at[3]),
                    rows<C>(4, at[4]),
                    rows<C>(5, at[5]),
                    context_.at(mask()) + at[6] * static_cast<int64_t>(dtype_size(mask().dtype)),
                    nullptr,
                    nullptr,
                    nullptr};
    T* results[3] = {context_.at<T>(item_.outputs[0]) + (number * p_.queries + queries.begin) * p_.head,
                     context_.at<T>(item_.outputs[1]) + (number * p_.keys + keys.begin) * p_.head,
                     context_.at<T>(item_.outputs[2]) + (number * p_.keys + keys.begin) * p_.value_head};
    const int64_t counts[3] = {part == Part::Keys ? 0 : queries.size() * p_.head,
                               part == Part::Queries ? 0 : keys.size() * p_.head,
                               part == Part::Queries ? 0 : keys.size() * p_.value_head};
    C** places[3] = {&head.dq, &head.dk, &head.dv};
    for (int i = 0; i < 3; ++i) {
      if (counts[i] == 0) continue;
      if constexpr (kWidens) {
        *places[i] = sums;
        sums += counts[i];
      } else {
        *places[i] = results[i];
      }
      std::fill(*places[i], *places[i] + counts[i], C{0});
    }
    add_tiles(p_, item_, head, queries, keys, work);
    if constexpr (kWidens)
      for (int i = 0; i < 3; ++i)
        if (counts[i] != 0) narrow_row(*places[i], counts[i], results[i]);
  }

  const Item& item_;
  const RunContext& context_;
  AttentionProblem p_;
  int rank_;
  Walk<7> heads_;
};

}  // namespace

void run_attention_gradient(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::AttentionParams>();
  for_items(launch, [&](const Item& item) {
    visit_dtype(item.inputs[0].dtype, [&]<class T>() {
      if constexpr (is_floating_type<T>) Gradient<T>(item, params, context).run();
    });
  });
}

}  // namespace nngpu::cpu
