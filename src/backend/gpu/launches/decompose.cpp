#include "backend/gpu/launches/decompose.h"

#include <algorithm>
#include <cstdlib>

#include "backend/gpu/launches/finite_wide.h"
#include "nngpu/error.h"

namespace nngpu::gpu {

Matrices Matrices::part(int64_t row, int64_t column, int64_t part_rows, int64_t part_columns) const {
  Matrices result = *this;
  result.data += (row * rs + column * cs) * static_cast<int64_t>(dtype_size(dtype));
  result.rows = part_rows;
  result.columns = part_columns;
  return result;
}

Matrices Matrices::transposed() const {
  Matrices result = *this;
  std::swap(result.rows, result.columns);
  std::swap(result.rs, result.cs);
  return result;
}

Matrices Matrices::reversed() const {
  Matrices result = part(rows - 1, columns - 1, rows, columns);
  result.rs = -rs;
  result.cs = -cs;
  return result;
}

Matrices matrices_of(const Stack& stack) {
  return {stack.data, stack.dtype,        stack.rows,    stack.columns, 1,
          stack.rows, stack.entry_size(), stack.entries, nullptr};
}

namespace {

// Finds the step from entry to entry of an operand.
bool has_one_step(const graph::Operand& x, int64_t& step) {
  step = 0;
  int64_t count = 1;
  for (int axis = x.shape.size() - 3; axis >= 0; --axis) {
    if (x.shape[axis] == 1) continue;
    if (count == 1) step = x.strides[axis];
    if (x.strides[axis] != step * count) return false;
    count *= x.shape[axis];
  }
  return true;
}

}  // namespace

Matrices input_matrices(GpuBackend& gpu, const Launch& launch, const RunContext& context, int position) {
  const graph::Operand& x = launch.inputs[position];
  const int rank = x.shape.size();
  const int64_t rs = x.strides[rank - 2], cs = x.strides[rank - 1];
  constexpr int64_t kFar = int64_t{1} << 24;  // offsets inside an entry have 32 bits
  int64_t step = 0;
  const bool near = std::abs(rs) < kFar && std::abs(cs) < kFar;
  const Stack shape = stack_shape(x, Entry::Matrix, launch.items);
  if (launch.items == 1 && near && has_one_step(x, step)) {
    Matrices result{nullptr, x.dtype, shape.rows, shape.columns, rs, cs, step, shape.entries, nullptr};
    result.data = gpu.address(x, context, result.holder);
    return result;
  }
  const Stack stack = copied_stack(gpu, launch, context, position, Entry::Matrix);
  Matrices result = matrices_of(stack);
  result.holder = stack.holder;
  return result;
}

Strides strides_of(const Matrices& matrices) {
  return {matrices.step, static_cast<int32_t>(matrices.rs), static_cast<int32_t>(matrices.cs)};
}

std::string type_definition(DType dtype) {
  return std::string("#define REAL ") + (dtype == DType::F64 ? "double" : "float") + "\n";
}

SmallGrid::SmallGrid(const GpuBackend& gpu, int64_t side, int64_t entries, uint32_t threads_of_block)
    : lanes(side <= 4    ? 4
            : side <= 8  ? 8
            : side <= 16 ? 16
                         : 32),
      threads(threads_of_block),
      blocks(gpu.blocks_for(entries * lanes, threads_of_block)) {}

std::string SmallGrid::definitions(DType dtype) const {
  return "#define MAX_THREADS " + std::to_string(threads) + "\n#define SIDE " + std::to_string(lanes) + "\n" +
         type_definition(dtype);
}

void SmallGrid::launch(GpuBackend& gpu, KernelHandle kernel, const Arguments& arguments, uint32_t grid_y) const {
  gpu.launch(kernel, {blocks, grid_y, 1}, {threads, 1, 1}, arguments);
}

uint32_t entry_blocks(int64_t entries) { return static_cast<uint32_t>(std::clamp<int64_t>(entries, 1, 65535)); }

void replace_non_finite(GpuBackend& gpu, const Stack& matrices, bool lower, const Stack& status, int64_t n) {
  if (matrices.entries == 0 || replace_non_finite_wide(gpu, matrices, lower, status, n)) return;
  Arguments arguments;
  arguments.buffer(matrices.data).buffer(status.data).value(matrices.rows).value(matrices.columns);
  arguments.value(matrices.entries).value(int32_t{lower}).value(static_cast<int32_t>(n + 1));
  const KernelHandle kernel =
      gpu.library().kernel("finite", "replace_non_finite", type_definition(matrices.dtype));
  gpu.launch(kernel, {entry_blocks(matrices.entries), 1, 1}, {256, 1, 1}, arguments);
}

void spoil_non_finite(GpuBackend& gpu, const Stack& results, const Stack& status, int64_t n) {
  if (results.entries * results.entry_size() == 0) return;
  Arguments arguments;
  arguments.buffer(results.data).buffer(status.data).value(results.entry_size()).value(results.entries);
  arguments.value(static_cast<int32_t>(n + 1));
  const KernelHandle kernel = gpu.library().kernel("finite", "spoil_non_finite", type_definition(results.dtype));
  gpu.launch(kernel, {entry_blocks(results.entries), 1, 1}, {256, 1, 1}, arguments);
}

namespace {

// Of an item's status words: the first NaN or infinity, else the first other failure if `any` is set.
std::exception_ptr item_error(const std::string& operation, bool single, const int32_t* status, int64_t entries,
                              int32_t bad, bool any, InfoKind kind) {
  for (int64_t i = 0; i < entries; ++i)
    if (status[i] == bad) return non_finite_error({operation, single, i});
  for (int64_t i = 0; any && i < entries; ++i)
    if (status[i] != 0) return info_error({operation, single, i}, status[i], kind);
  return nullptr;
}

}  // namespace

Stack status_stack(GpuBackend& gpu, const Launch& launch) {
  const Stack matrices = stack_shape(launch.inputs[0], Entry::Matrix, launch.items);
  Stack status;
  status.dtype = DType::I32;
  status.item_entries = matrices.item_entries;
  status.entries = matrices.entries;
  status.holder = gpu.status_memory(static_cast<size_t>(status.bytes()));
  status.data = status.holder->data;
  return status;
}

void report_status(GpuBackend& gpu, const Launch& launch, const RunContext& context, const char* operation,
                   const Stack& status, int64_t n, InfoKind kind) {
  const int64_t check = launch.params.as<graph::LinalgParams>().check;
  if (check == 0 || status.entries == 0) return;
  const bool single = launch.inputs[0].shape.size() <= 2;
  defer(gpu, context, status.holder,
        [&gpu, single, operation = std::string(operation), items = launch.items, entries = status.item_entries,
         bad = static_cast<int32_t>(n + 1), any = check == 1,
         kind](const char* from, std::vector<graph::Failure>& failures) {
          std::vector<int32_t> words(static_cast<size_t>(entries * items));
          gpu.download(words.data(), from, words.size() * sizeof(int32_t));
          for (int32_t item = 0; item < items; ++item) {
            const int32_t* first = words.data() + item * entries;
            if (const std::exception_ptr error = item_error(operation, single, first, entries, bad, any, kind))
              failures.push_back({item, error});
          }
        });
}

void defer(GpuBackend& gpu, const RunContext& context, BufferPtr words, graph::Check::Read read) {
  if (context.checks != nullptr) {
    context.checks->push_back({std::move(words), std::make_shared<const graph::Check::Read>(std::move(read))});
    return;
  }
  gpu.synchronize();
  read(words->data, *context.failures);
}

}  // namespace nngpu::gpu
