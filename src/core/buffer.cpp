#include "core/buffer.h"

#include <bit>

#include "nngpu/error.h"

namespace nngpu {

Buffer::~Buffer() {
  if (pool != nullptr && data != nullptr) pool->give_back(data, capacity);
}

MemoryPool::MemoryPool(Device device, Allocate allocate, Free free)
    : device_(device), allocate_(std::move(allocate)), free_(std::move(free)) {}

MemoryPool::~MemoryPool() { trim(); }

// Four classes a power of two waste at most a fifth of a block and let a slightly different size reuse it.
size_t MemoryPool::size_class(size_t bytes) {
  if (bytes <= 64) return 64;
  const size_t quarter = std::bit_floor(bytes - 1) / 4;
  return (bytes + quarter - 1) / quarter * quarter;
}

BufferPtr MemoryPool::allocate(size_t bytes) {
  auto buffer = std::make_shared<Buffer>();
  const size_t capacity = size_class(bytes);
  {
    std::lock_guard lock(mutex_);
    buffer->data = static_cast<char*>(take(capacity));
    stats_.in_use += static_cast<int64_t>(capacity);
    stats_.peak = std::max(stats_.peak, stats_.in_use);
    ++stats_.allocations;
  }
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  buffer->pool = this;
  return buffer;
}

void* MemoryPool::take(size_t capacity) {
  const auto wanted = static_cast<int64_t>(capacity);
  const auto fail = [&](const char* why) {
    throw OutOfMemoryError("[memory] " + to_string(device_) + " cannot allocate " + std::to_string(capacity) +
                           " bytes: " + why + " (" + std::to_string(stats_.in_use) + " bytes in use)");
  };
  if (stats_.limit > 0 && stats_.in_use + wanted > stats_.limit) fail("the memory limit is reached");
  if (auto found = cache_.find(capacity); found != cache_.end() && !found->second.empty()) {
    void* block = found->second.back();
    found->second.pop_back();
    return block;
  }
  if (stats_.limit > 0 && stats_.reserved + wanted > stats_.limit) trim_locked();
  void* block = allocate_(capacity);
  if (block == nullptr) {
    trim_locked();
    block = allocate_(capacity);
  }
  if (block == nullptr) fail("the system has no more memory");
  stats_.reserved += wanted;
  return block;
}

void MemoryPool::give_back(void* data, size_t capacity) {
  std::lock_guard lock(mutex_);
  cache_[capacity].push_back(data);
  stats_.in_use -= static_cast<int64_t>(capacity);
}

MemoryStats MemoryPool::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void MemoryPool::reset_peak() {
  std::lock_guard lock(mutex_);
  stats_.peak = stats_.in_use;
}

void MemoryPool::set_limit(int64_t bytes) {
  std::lock_guard lock(mutex_);
  stats_.limit = bytes;
  if (bytes > 0 && stats_.reserved > bytes) trim_locked();
}

void MemoryPool::trim() {
  std::lock_guard lock(mutex_);
  trim_locked();
}

void MemoryPool::trim_locked() {
  for (auto& [capacity, blocks] : cache_) {
    for (void* block : blocks) free_(block, capacity);
    stats_.reserved -= static_cast<int64_t>(capacity * blocks.size());
    blocks.clear();
  }
}

}  // namespace nngpu
