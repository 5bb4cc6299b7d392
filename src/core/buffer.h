// Device memory: counted buffers, and the caching pool they come from.
#ifndef NNGPU_CORE_BUFFER_H_
#define NNGPU_CORE_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "nngpu/device.h"

namespace nngpu {

class MemoryPool;

struct Buffer {
  char* data = nullptr;
  size_t bytes = 0;             // usable
  size_t capacity = 0;          // of the pool's block
  MemoryPool* pool = nullptr;   // null: borrowed
  std::shared_ptr<void> owner;  // of borrowed memory
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();
};
using BufferPtr = std::shared_ptr<Buffer>;

// Caches freed blocks by size class (four a power of two) and gives them out again. Thread-safe. Exceeding the
// limit first returns cached blocks to the system, then throws OutOfMemoryError.
class MemoryPool {
 public:
  using Allocate = std::function<void*(size_t)>;  // null on failure
  using Free = std::function<void(void*, size_t)>;
  MemoryPool(Device device, Allocate allocate, Free free);
  ~MemoryPool();
  BufferPtr allocate(size_t bytes);
  MemoryStats stats() const;
  void reset_peak();
  void set_limit(int64_t bytes);
  void trim();

 private:
  friend struct Buffer;
  void* take(size_t capacity);  // with the lock held
  void give_back(void* data, size_t capacity);
  void trim_locked();
  static size_t size_class(size_t bytes);

  Device device_;
  Allocate allocate_;
  Free free_;
  mutable std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> cache_;
  MemoryStats stats_;
};

}  // namespace nngpu

#endif  // NNGPU_CORE_BUFFER_H_
