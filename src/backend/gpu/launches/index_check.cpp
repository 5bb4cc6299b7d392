#include "backend/gpu/launches/index_check.h"

#include <algorithm>

#include "backend/gpu/launches/index_words.h"
#include "graph/layout.h"
#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

constexpr uint32_t kThreads = 256;
constexpr int64_t kPart = int64_t{1} << 31;  // positions a kernel counts: a step beyond still fits 32 bits

std::string message(const char* operation, int64_t index, int64_t axis, int64_t size) {
  return std::string("[") + operation + "] index " + std::to_string(index) + " is out of range for axis " +
         std::to_string(axis) + " of size " + std::to_string(size);
}

// A part's threads, and with them the places for what they find.
uint32_t blocks_of(const GpuBackend& gpu, int64_t count) {
  return std::min<uint32_t>(gpu.blocks_for(std::min(count, kPart), kThreads), 1024);
}

struct Words {
  uint32_t any, code;
};

}  // namespace

BufferPtr check_indices(GpuBackend& gpu, const char* operation, const graph::Operand& indices, const char* data,
                        int64_t axis, int64_t size, const RunContext& context) {
  Shape shape = indices.shape;
  Dims strides = indices.strides, classes = Dims::filled(shape.size(), 0);
  const int64_t count = numel(shape);
  graph::collapse(shape, {&strides}, classes);
  if (shape.size() == 0) {
    shape.push_back(1);
    strides.push_back(0);
  }
  const bool wide = count >= kWideReach || reach(shape, strides) >= kWideReach;
  const uint32_t blocks = blocks_of(gpu, count);
  const int64_t parts = std::max<int64_t>(1, (count + kPart - 1) / kPart), places = int64_t{blocks} * kThreads;
  const size_t words_bytes = (sizeof(Words) * static_cast<size_t>(parts) + 15) / 16 * 16;
  BufferPtr memory = gpu.status_memory(words_bytes + sizeof(int64_t) * static_cast<size_t>(parts * places));
  char* words = memory->data;
  char* found = memory->data + words_bytes;
  gpu.runtime().fill_zero(words, words_bytes);
  const KernelHandle kernel =
      gpu.library().kernel("index_check", "check_indices", index_definitions(shape.size(), wide));
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t first = part * kPart;
    Arguments arguments;
    arguments.buffer(data).buffer(words + sizeof(Words) * part).buffer(found + sizeof(int64_t) * places * part);
    IndexWords(wide).add(shape).add(strides).to(arguments);
    arguments.value(first).value(static_cast<uint32_t>(std::min(kPart, count - first))).value(size);
    gpu.launch(kernel, {blocks, 1, 1}, {kThreads, 1, 1}, arguments);
  }
  const auto read = [=, &gpu](const char* from, std::vector<graph::Failure>& failures) {
    std::vector<Words> results(static_cast<size_t>(parts));
    gpu.download(results.data(), from, sizeof(Words) * results.size());
    for (int64_t part = 0; part < parts; ++part) {
      if (results[part].any == 0) continue;
      const int64_t place = static_cast<uint32_t>(~results[part].code) % places;
      int64_t index = 0;
      gpu.download(&index, from + words_bytes + sizeof(int64_t) * (places * part + place), sizeof(index));
      failures.push_back({0, std::make_exception_ptr(IndexError(message(operation, index, axis, size)))});
      return;
    }
  };
  context.checks->push_back({memory, std::make_shared<const graph::Check::Read>(read)});
  return memory;
}

}  // namespace nngpu::gpu
