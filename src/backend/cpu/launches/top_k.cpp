// top_k: the first k of what sort gives (so NaN counts as last, and ties go to the lower index), without sorting
// the rest.
#include <algorithm>

#include "backend/cpu/launches.h"
#include "backend/cpu/launches/scratch_frame.h"
#include "backend/cpu/launches/sort_keys.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {
namespace {

// Room for candidates beyond k before they are cut to the best k again.
inline int64_t candidate_room(int64_t k, int64_t n) { return std::min(n, 2 * k + 64); }

template <class E, class Key>
void select(int64_t n, int64_t k, int64_t room, const Key& key, typename E::type* candidates) {
  int64_t count = 0;
  bool bounded = false;
  uint64_t bound = 0;  // the k-th best key so far: later elements must beat it
  for (int64_t i = 0; i < n; ++i) {
    const auto value = key(i);
    if (bounded && value >= bound) continue;
    if (count == room) {
      std::nth_element(candidates, candidates + (k - 1), candidates + count);
      bound = E::key(candidates[k - 1]);
      bounded = true;
      count = k;
      if (value >= bound) continue;
    }
    candidates[count++] = E::make(value, i);
  }
  if (count > k) std::nth_element(candidates, candidates + (k - 1), candidates + count);
  std::sort(candidates, candidates + k);
}

template <class T, class E>
void top_lines(const Item& item, const graph::TopKParams& params, const RunContext& context) {
  using Entry = typename E::type;
  const graph::Operand &x = item.inputs[0], &values = item.outputs[0], &indices = item.outputs[1];
  const int64_t axis = params.axis, n = x.shape[axis], k = params.k;
  const int64_t step = x.strides[axis], value_step = values.strides[axis], index_step = indices.strides[axis];
  const bool largest = params.largest != 0;
  const Walk<3> lines = walk_lines<3>(x.shape, axis, {&x.strides, &values.strides, &indices.strides});
  const T* from = context.at<T>(x);
  T* value_data = context.at<T>(values);
  int64_t* index_data = context.at<int64_t>(indices);
  ScratchFrame scratch;
  const int64_t room = candidate_room(k, n);
  const PerThread<Entry> buffer(scratch, room, lines.count());
  parallel_for(lines.count(), line_grain(n, 8192), [&](int64_t begin, int64_t end) {
    Entry* candidates = buffer.mine();
    lines.for_points(begin, end, [&](const int64_t(&at)[3], int64_t) {
      const T* line = from + at[0];
      select<E>(
          n, k, room, [&](int64_t i) { return sort_key(line[i * step], largest); }, candidates);
      for (int64_t i = 0; i < k; ++i) {
        const int64_t source = E::index(candidates[i]);
        value_data[at[1] + i * value_step] = line[source * step];
        index_data[at[2] + i * index_step] = source;
      }
    });
  });
}

}  // namespace

void run_top_k(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::TopKParams>();
  for_items(launch, [&](const Item& item) {
    const graph::Operand& x = item.inputs[0];
    if (element_count(item.outputs[0].shape) == 0) return;
    visit_dtype(x.dtype, [&]<class T>() {
      visit_entries<T>(x.shape[params.axis], [&]<class E>() { top_lines<T, E>(item, params, context); });
    });
  });
}

}  // namespace nngpu::cpu
