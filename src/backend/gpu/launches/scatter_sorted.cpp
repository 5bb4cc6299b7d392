// scatter_add of many updates a line: their indices are sorted, once for lines that have the same ones.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/gpu/launches/scatter.h"

namespace nngpu::gpu {
namespace {

constexpr uint32_t kThreads = 256;

// `struct Counts` of kernels/scatter_sorted.kl.
struct Counts {
  int64_t groups, columns, n, size, chunk, chunks, to_step, at_step, from_step;
};

// Every line of `keys` sorted, with the positions the keys came from. `keys` may be overwritten.
void sort_keys(GpuBackend& gpu, DType dtype, int64_t lines, int64_t n, char* keys, char* sorted, char* positions) {
  graph::Launch sort;
  sort.kind = graph::OpKind::Sort;
  sort.params = graph::SortParams{1, 0};
  const auto operand = [&](int32_t slot, DType type) {
    graph::Operand result;
    result.slot = slot;
    result.dtype = type;
    result.shape = {lines, n};
    result.strides = {n, 1};
    return result;
  };
  sort.inputs = {operand(0, dtype)};
  sort.outputs = {operand(1, dtype), operand(2, DType::I64)};
  char* const slots[] = {keys, sorted, positions};
  std::vector<graph::Failure> failures;
  std::vector<graph::Check> checks;
  run_sort(gpu, sort, {slots, &failures, &checks});
}

}  // namespace

void Scatter::add_sorted() const {
  const int rank = indices.shape.size();
  ScatterLoop loop;
  Counts p{1,
           1,
           indices.shape[axis],
           out.shape[axis],
           1,
           1,
           out.strides[axis],
           indices.strides[axis],
           updates.strides[axis]};
  for (const bool grouping : {true, false}) {
    for (int k = 0; k < rank; ++k) {
      if (k == axis || (indices.strides[k] != 0) != grouping) continue;
      loop.add_axis(out, indices, updates, k);
      (grouping ? p.groups : p.columns) *= indices.shape[k];
    }
  }
  loop.finish();
  // Chunks of a length that balances what one thread adds with what it collects from other chunks.
  p.chunk = std::clamp<int64_t>(std::llround(std::sqrt(static_cast<double>(p.n))), 16, 1024);
  p.chunks = (p.n + p.chunk - 1) / p.chunk;
  const int64_t owners = p.groups * p.chunks * p.columns, count = p.groups * p.n;

  const bool narrow = p.size <= std::numeric_limits<int32_t>::max();
  const auto memory = [&](int64_t elements, size_t size) {
    return gpu.pool().allocate(static_cast<size_t>(elements) * size);
  };
  const size_t key_size = narrow ? sizeof(int32_t) : sizeof(int64_t);
  const BufferPtr keys = memory(count, key_size), sorted = memory(count, key_size),
                  positions = memory(count, sizeof(int64_t)), shares = memory(owners, sizeof(int64_t));
  const std::string text = definitions(loop.size.size()) + (narrow ? "#define KEY i32\n" : "#define KEY i64\n");
  const auto run = [&](const char* name, int64_t threads, Arguments& arguments) {
    loop.add_to(arguments);
    arguments.value(p);
    gpu.launch(gpu.library().kernel("scatter_sorted", name, text), {gpu.blocks_for(threads, kThreads), 1, 1},
               {kThreads, 1, 1}, arguments);
  };
  Arguments wrap;
  wrap.buffer(index_data).buffer(status).buffer(keys->data);
  run("wrap", count, wrap);
  sort_keys(gpu, narrow ? DType::I32 : DType::I64, p.groups, p.n, keys->data, sorted->data, positions->data);
  for (const char* name : {"add_chunks", "add_shares"}) {
    Arguments add;
    add.buffer(update_data).buffer(sorted->data).buffer(positions->data).buffer(status).buffer(sums);
    add.buffer(shares->data);
    run(name, owners, add);
  }
}

}  // namespace nngpu::gpu
