#include "backend/cpu/lapack/workspace.h"

#include <algorithm>
#include <new>

namespace nngpu::cpu {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kSmallest = kMiB / 16;  // the allocator serves smaller ones without the kernel
constexpr std::size_t kHeld = 64 * kMiB;
constexpr std::align_val_t kAlignment{64};

class Pool {
 public:
  ~Pool() {
    for (int i = 0; i < count_; ++i) ::operator delete(blocks_[i].data, kAlignment);
  }

  // The smallest kept block that fits without wasting more than it uses.
  void* take(std::size_t bytes, std::size_t* capacity) {
    int best = -1;
    for (int i = 0; i < count_; ++i) {
      const std::size_t size = blocks_[i].size;
      if (size >= bytes && size <= 2 * bytes && (best < 0 || size < blocks_[best].size)) best = i;
    }
    if (best < 0) return nullptr;
    const Block block = blocks_[best];
    blocks_[best] = blocks_[--count_];
    held_ -= block.size;
    *capacity = block.size;
    return block.data;
  }

  bool give(void* data, std::size_t size) {
    if (count_ == kBlocks || held_ + size > kHeld) return false;
    blocks_[count_++] = {data, size};
    held_ += size;
    return true;
  }

 private:
  static constexpr int kBlocks = 24;
  struct Block {
    void* data;
    std::size_t size;
  };
  Block blocks_[kBlocks];
  int count_ = 0;
  std::size_t held_ = 0;
};

Pool& pool() {
  thread_local Pool instance;
  return instance;
}

}  // namespace

void* take_workspace(std::size_t bytes, std::size_t* capacity) {
  if (bytes >= kSmallest)
    if (void* block = pool().take(bytes, capacity)) return block;
  *capacity = std::max<std::size_t>(bytes, 1);
  return ::operator new(*capacity, kAlignment);
}

void give_workspace(void* block, std::size_t capacity) {
  if (capacity < kSmallest || !pool().give(block, capacity)) ::operator delete(block, kAlignment);
}

}  // namespace nngpu::cpu
