#include "backend/cpu/blas/scratch.h"

#include <memory>
#include <new>

namespace nngpu::cpu {
namespace {

constexpr std::align_val_t kAlignment{128};

struct Free {
  void operator()(void* data) const { ::operator delete(data, kAlignment); }
};

struct Buffer {
  std::unique_ptr<void, Free> data;
  std::size_t bytes = 0;
};

}  // namespace

void* scratch_bytes(Scratch name, std::size_t bytes) {
  thread_local Buffer buffers[static_cast<int>(Scratch::Count)];
  Buffer& buffer = buffers[static_cast<int>(name)];
  if (buffer.bytes < bytes) {
    buffer = Buffer{};  // the old one goes first, so that both never exist at once
    buffer.data.reset(::operator new(bytes, kAlignment));
    buffer.bytes = bytes;
  }
  return buffer.data.get();
}

}  // namespace nngpu::cpu
