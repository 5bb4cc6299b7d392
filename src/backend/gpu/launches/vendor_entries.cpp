#include "backend/gpu/launches/vendor_entries.h"

#include <algorithm>

#include "graph/context.h"

namespace nngpu::gpu {
namespace {

constexpr uintptr_t kAlignment = 64;  // of what the plan places

std::string conversion(DType from, DType to) {
  const auto name = [](DType dtype) { return dtype == DType::F64 ? "double\n" : "float\n"; };
  return std::string("#define MAX_THREADS 256\n#define FROM ") + name(from) + "#define TO " + name(to);
}

}  // namespace

bool are_vendors(const Stack& a, int64_t most) {
  if (a.entry_size() <= graph::kBatchElements || a.item_entries == 0) return false;
  return a.item_entries == 1 || a.item_entries <= most;
}

char* AlignedEntries::address(int64_t entry) const { return stack_.data + entry * static_cast<int64_t>(bytes()); }

char* AlignedEntries::open(int64_t entry, bool read) {
  char* own = address(entry);
  if (reinterpret_cast<uintptr_t>(own) % kAlignment == 0) return own;
  if (!aligned_) aligned_ = gpu_.pool().allocate(bytes());
  if (read) gpu_.runtime().copy(aligned_->data, own, bytes());
  return aligned_->data;
}

void AlignedEntries::close(int64_t entry) {
  char* own = address(entry);
  if (reinterpret_cast<uintptr_t>(own) % kAlignment != 0) gpu_.runtime().copy(own, aligned_->data, bytes());
}

InfoWords::InfoWords(GpuBackend& gpu, int64_t entries)
    : gpu_(gpu), entries_(entries), words_(gpu.pool().allocate(static_cast<size_t>(entries) * sizeof(int32_t))) {}

void InfoWords::store(const Stack& status, int64_t most) const {
  Arguments arguments;
  arguments.buffer(words_->data).buffer(status.data).value(entries_).value(static_cast<int32_t>(most));
  gpu_.launch(gpu_.library().kernel("vendor", "info_to_status", "#define MAX_THREADS 256\n"),
              {gpu_.blocks_for(entries_, 256), 1, 1}, {256, 1, 1}, arguments);
}

Stack in_double(GpuBackend& gpu, const Stack& stack) {
  Stack result = stack;
  result.direct = false;
  result.dtype = DType::F64;
  result.holder = gpu.pool().allocate(static_cast<size_t>(result.bytes()));
  result.data = result.holder->data;
  return result;
}

void convert(GpuBackend& gpu, const Stack& from, const Stack& to) {
  const int64_t count = from.entries * from.entry_size();
  Arguments arguments;
  arguments.buffer(from.data).buffer(to.data).value(count);
  gpu.launch(gpu.library().kernel("vendor", "converted", conversion(from.dtype, to.dtype)),
             {gpu.blocks_for(count, 256), 1, 1}, {256, 1, 1}, arguments);
}

void clear_signs(GpuBackend& gpu, const Stack& stack) {
  const int64_t count = stack.entries * stack.entry_size();
  Arguments arguments;
  arguments.buffer(stack.data).value(count);
  gpu.launch(gpu.library().kernel("vendor", "magnitudes", conversion(stack.dtype, stack.dtype)),
             {gpu.blocks_for(count, 256), 1, 1}, {256, 1, 1}, arguments);
}

Factorization factorization(Factorization::Kind kind, const Stack& a, char* entry) {
  Factorization result{kind, a.dtype};
  result.rows = a.rows;
  result.columns = a.columns;
  result.lda = std::max<int64_t>(1, a.rows);
  result.a = entry;
  return result;
}

}  // namespace nngpu::gpu
