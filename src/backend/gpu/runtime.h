// What a GPU's driver offers, as one small interface: memory, copies, kernels. Implemented by cuda/ and sim/.
// Everything above it is shared.
#ifndef NNGPU_BACKEND_GPU_RUNTIME_H_
#define NNGPU_BACKEND_GPU_RUNTIME_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nngpu/dtype.h"

namespace nngpu::gpu {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

struct Properties {
  std::string name;
  std::string architecture;  // part of the key of compiled kernels
  std::string detail;        // driver, limits: for `nngpu devices`
  int64_t memory_bytes = 0;
  uint32_t multiprocessors = 1;
  uint32_t max_threads = 1024;  // of a block
  uint32_t shared_bytes = 32 << 10;
  bool has_double = true;
};

// The dialect (src/backend/gpu/dialect) that a kernel's text is compiled behind.
enum class Dialect { Host, Cuda, Metal };

// A kernel's arguments in the order of its parameters: addresses of device memory, and scalars or structs by
// value.
class Arguments {
 public:
  Arguments& buffer(const void* address) { return add(&address, sizeof(address), true); }
  template <class T>
  Arguments& value(const T& scalar) {
    static_assert(std::is_trivially_copyable_v<T>);
    return add(&scalar, sizeof(T), false);
  }
  Arguments& bytes(const void* data, size_t size) { return add(data, size, false); }

  struct Entry {
    size_t offset, size;
    bool is_buffer;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  const char* data(const Entry& entry) const { return storage_.data() + entry.offset; }

 private:
  Arguments& add(const void* data, size_t size, bool is_buffer) {
    const size_t offset = (storage_.size() + 15) / 16 * 16;
    storage_.resize(offset + size);
    __builtin_memcpy(storage_.data() + offset, data, size);
    entries_.push_back({offset, size, is_buffer});
    return *this;
  }
  std::vector<char> storage_;
  std::vector<Entry> entries_;
};

// A product of column-major matrices, batched, in the device's memory: C = A B. Strides in elements.
struct Gemm {
  DType dtype;  // of all three; half types accumulate in f32
  bool transpose_a = false, transpose_b = false;
  bool tf32 = false;  // f32 may be rounded to tf32
  int64_t m, n, k, lda, ldb, ldc;
  int64_t batch = 1, stride_a = 0, stride_b = 0, stride_c = 0;
  const void* a;
  const void* b;
  void* c;
};

// A decomposition of one column-major matrix in the device's memory, or a step with its result. f32 or f64. `info`
// gets LAPACK's word; no call needs it on the host.
struct Factorization {
  enum class Kind : int32_t {
    Lu,          // P a = L U in place; pivots: the exchanged rows, counted from 1
    Cholesky,    // the lower triangle becomes L
    Qr,          // R, and below the diagonal the reflections of which `values` are the factors
    FormQ,       // the first k columns of a hold reflections, `values` their factors: a becomes their product
    Eigh,        // of the lower triangle: `values` ascend; a becomes the vectors if `vectors` is set, else nothing
    Svd,         // rows >= columns: `values` descend, x is u (rows, k), v (columns, columns); a becomes nothing.
                 // The values may be off by `tolerance` times the largest; waits
    Triangular,  // a, or its transpose, times x = x (.., k), in place
  };
  Kind kind;
  DType dtype;
  bool vectors = false;
  bool upper = false, transposed = false, unit = false;  // of a triangle, as it is stored
  int64_t rows = 0, columns = 0, lda = 0, ldx = 0, k = 0;
  double tolerance = 0;
  void* a = nullptr;
  void* x = nullptr;
  void* v = nullptr;
  void* values = nullptr;
  int64_t* pivots = nullptr;
  int32_t* info = nullptr;
};

// A compiled kernel that can be launched. Belongs to its Module.
using KernelHandle = const void*;

class Module {
 public:
  virtual ~Module() = default;
  virtual KernelHandle find(const std::string& name) const = 0;  // throws Error if absent
};

// One device. All work goes to one queue in order: memory that is freed and allocated again is safe to reuse by
// what is submitted later. Thread-safe. Every failure throws: OutOfMemoryError or DeviceError, naming the call.
class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual const Properties& properties() const = 0;
  virtual Dialect dialect() const = 0;

  virtual void* allocate(size_t bytes) = 0;  // null where there is no more
  virtual void free(void* block, size_t bytes) = 0;
  virtual void upload(void* to, const void* from, size_t bytes) = 0;    // the host's memory is free on return
  virtual void download(void* to, const void* from, size_t bytes) = 0;  // waits
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  virtual void fill_zero(void* to, size_t bytes) = 0;

  // Compiles the text into a file that load() takes; an error carries the compiler's message.
  virtual void compile(const std::string& text, const std::string& output_path) = 0;
  virtual std::unique_ptr<Module> load(const std::string& path) = 0;
  virtual void launch(KernelHandle kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments) = 0;
  virtual void synchronize() = 0;

  // The vendor's product; false where there is none for it.
  virtual bool gemm(const Gemm&) { return false; }
  // The vendor's decomposition; false, with nothing done, where there is none for it.
  virtual bool factorize(const Factorization&) { return false; }
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_RUNTIME_H_
