// Calls of a vendor's library for the entries of a stack, one after another.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_VENDOR_ENTRIES_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_VENDOR_ENTRIES_H_

#include "backend/gpu/launches/decompose.h"

namespace nngpu::gpu {

// Whether matrices of this size go to the vendor: they are large, and a node has not more than `most` of them, so
// that our kernels, which work on all at once, do not catch up. The number of nodes in a launch does not count:
// batching changes no bits.
bool are_vendors(const Stack& a, int64_t most);
inline int64_t side_of(const Stack& a) { return a.rows < a.columns ? a.rows : a.columns; }

// The entries of a stack, each at an aligned address while it is worked on: what a library does may depend on the
// alignment, and the bits of an entry must not depend on its place in a stack.
class AlignedEntries {
 public:
  AlignedEntries(GpuBackend& gpu, const Stack& stack) : gpu_(gpu), stack_(stack) {}
  char* open(int64_t entry, bool read = true);
  void close(int64_t entry);  // writes it back

 private:
  char* address(int64_t entry) const;
  size_t bytes() const { return static_cast<size_t>(stack_.entry_size()) * dtype_size(stack_.dtype); }
  GpuBackend& gpu_;
  const Stack& stack_;
  BufferPtr aligned_;
};

// A call's info words, and what becomes of them.
class InfoWords {
 public:
  InfoWords(GpuBackend& gpu, int64_t entries);
  int32_t* of(int64_t entry) const { return reinterpret_cast<int32_t*>(words_->data) + entry; }
  // Into the status words that do not stand for NaN or infinity. Those over `most` become 1.
  void store(const Stack& status, int64_t most) const;

 private:
  GpuBackend& gpu_;
  int64_t entries_;
  BufferPtr words_;
};

// A stack of the same shape in f64, with memory of its own that is not filled; and copies between such stacks.
Stack in_double(GpuBackend& gpu, const Stack& stack);
void convert(GpuBackend& gpu, const Stack& from, const Stack& to);
// Minus zero becomes zero.
void clear_signs(GpuBackend& gpu, const Stack& stack);

// A description of a call for matrices of this shape.
Factorization factorization(Factorization::Kind kind, const Stack& a, char* entry);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_VENDOR_ENTRIES_H_
