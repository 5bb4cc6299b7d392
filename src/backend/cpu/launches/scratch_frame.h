// Scratch memory of launches comes from a buffer that each thread keeps: memory fresh from the system costs a
// cleared page for every 4 KiB, which a training step would pay again in every launch.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_SCRATCH_FRAME_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_SCRATCH_FRAME_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "backend/cpu/parallel.h"

namespace nngpu::cpu {

// Blocks live until the ScratchFrame ends; ScratchFrames of one thread nest like stack frames. Throws
// std::bad_alloc.
class ScratchFrame {
 public:
  ScratchFrame() : start_(kept().used) {}
  ~ScratchFrame() {
    Kept& mine = kept();
    mine.used = start_;
    if (start_ == 0 && mine.wanted > mine.size) grow(mine);
  }
  ScratchFrame(const ScratchFrame&) = delete;
  ScratchFrame& operator=(const ScratchFrame&) = delete;

  template <class T>
  T* get(int64_t count) {
    return static_cast<T*>(bytes(static_cast<size_t>(count) * sizeof(T)));
  }

 private:
  static constexpr size_t kAlign = 64;
  static constexpr size_t kKept = size_t{1} << 20;
  static constexpr size_t kKeptAtMost = size_t{64} << 20;  // what goes beyond is allocated and freed
  struct Free {
    void operator()(void* block) const { std::free(block); }
  };
  using Block = std::unique_ptr<void, Free>;
  struct Kept {
    Block block;
    size_t size = kKept;  // of block, once it is there
    size_t used = 0;
    size_t wanted = 0;  // by the launch that asked for most
  };

  static Kept& kept() {
    static thread_local Kept kept;
    return kept;
  }

  static Block allocate(size_t size) {
    Block block(std::aligned_alloc(kAlign, size));
    if (!block) throw std::bad_alloc();
    return block;
  }

  void* bytes(size_t size) {
    size = (size + kAlign) / kAlign * kAlign;  // at least one line: never null
    Kept& mine = kept();
    if (mine.used + size > mine.size) {
      large_.push_back(allocate(size));
      large_bytes_ += size;
      mine.wanted = std::max(mine.wanted, std::min(mine.used + large_bytes_, kKeptAtMost));
      return large_.back().get();
    }
    if (!mine.block) mine.block = allocate(mine.size);
    void* block = static_cast<char*>(mine.block.get()) + mine.used;
    mine.used += size;
    return block;
  }

  // The next launch finds a buffer that would have been enough for this one.
  static void grow(Kept& mine) {
    mine.block.reset();
    mine.size = (mine.wanted + kKept - 1) / kKept * kKept;
  }

  size_t start_;
  size_t large_bytes_ = 0;
  std::vector<Block> large_;
};

// One buffer for each thread of a parallel_for that follows, allocated beforehand: its body must not throw.
template <class T>
class PerThread {
 public:
  // `tasks`: what the parallel_for counts; no more threads than that take part.
  PerThread(ScratchFrame& scratch, int64_t count, int64_t tasks)
      : threads_(std::max<int64_t>(1, std::min<int64_t>(num_threads(), tasks))),
        count_(count),
        data_(scratch.get<T>(count * threads_)) {}
  T* mine() const { return threads_ == 1 ? data_ : data_ + count_ * omp_get_thread_num(); }

 private:
  int64_t threads_;
  int64_t count_;
  T* data_;
};

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_SCRATCH_FRAME_H_
