// What a GPU's driver offers, as one small interface: memory, copies, kernels. Implemented by cuda/ and sim/.
// Everything above it is shared.
#ifndef NNGPU_BACKEND_GPU_RUNTIME_H_
#define NNGPU_BACKEND_GPU_RUNTIME_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "backend/gpu/arguments.h"
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

// What a product does with its result before it is stored. GeluTanh is the tanh approximation.
enum class GemmEpilogue : int32_t { None, Bias, Relu, ReluBias, GeluTanh, GeluTanhBias };

// A product of column-major matrices, batched, in the device's memory: C = epilogue(A B + added + bias of a row).
// Strides in elements.
struct Gemm {
  DType dtype;  // of all three; half types accumulate in f32
  bool transpose_a = false, transpose_b = false;
  bool tf32 = false;  // f32 may be rounded to tf32
  int64_t m, n, k, lda, ldb, ldc;
  int64_t batch = 1, stride_a = 0, stride_b = 0, stride_c = 0;
  const void* a;
  const void* b;
  void* c;
  GemmEpilogue epilogue = GemmEpilogue::None;
  const void* bias = nullptr;  // m elements, the same for every matrix of the batch
  bool adds = false;           // whether `added` is there, laid out as c is
  const void* added = nullptr;
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

// A convolution, or one of its gradients, in the device's memory. The windows are the forward convolution's in
// every mode: x (images, channels, height, width), w (results, channels of a group, ...) and y, of which the mode
// says which one is computed from the other two. Strides in elements.
struct VendorConvolution {
  enum class Mode : int32_t { Forward, InputGradient, WeightGradient };
  struct Tensor {
    int64_t size[4], stride[4];
  };
  Mode mode;
  DType dtype;        // of all three; half types accumulate in f32
  bool tf32 = false;  // f32 may be rounded to tf32
  Tensor x, w, y;
  int64_t stride[2], dilation[2], low[2], high[2];
  void* x_data = nullptr;
  void* w_data = nullptr;
  void* y_data = nullptr;
  void* workspace = nullptr;
};

// A kernel as the driver knows it. Belongs to its Module.
using DriverKernel = const void*;

// One piece of submitted work.
struct KernelStep {
  DriverKernel kernel;
  Dim3 blocks, threads;
  Arguments arguments;
};
struct CopyStep {
  void* to;
  const void* from;
  size_t bytes;
};
struct ZeroStep {
  void* to;
  size_t bytes;
};
using Step = std::variant<KernelStep, CopyStep, ZeroStep, Gemm, Factorization, VendorConvolution>;

// Steps that the driver was told once and that are submitted as one, in their order.
class StepGraph {
 public:
  virtual ~StepGraph() = default;
  // Replaces a step by the same one with other addresses and values, from the next launch on.
  virtual void set(size_t index, const Step& step) = 0;
  virtual void launch() = 0;
};

class Module {
 public:
  virtual ~Module() = default;
  virtual DriverKernel find(const std::string& name) const = 0;  // throws Error if absent
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
  virtual void trim() {}  // returns to the system what has been freed; may wait
  virtual void upload(void* to, const void* from, size_t bytes) = 0;    // the host's memory is free on return
  virtual void download(void* to, const void* from, size_t bytes) = 0;  // waits
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  virtual void fill_zero(void* to, size_t bytes) = 0;

  // Compiles the text into a file that load() takes; an error carries the compiler's message.
  virtual void compile(const std::string& text, const std::string& output_path) = 0;
  virtual std::unique_ptr<Module> load(const std::string& path) = 0;
  virtual void launch(DriverKernel kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments) = 0;
  virtual void synchronize() = 0;

  // Whether a graph can have the step, and a graph of steps that can; null where it cannot be made.
  virtual bool is_graphable(const Step&) const { return false; }
  virtual std::unique_ptr<StepGraph> make_graph(std::span<const Step>) { return nullptr; }

  // Whether the vendor has the product, at whatever addresses that are multiples of 16. Chooses the algorithm,
  // which is kept, and submits nothing.
  virtual bool plan_gemm(const Gemm&) { return false; }
  // The vendor's product; false where there is none for it.
  virtual bool gemm(const Gemm&) { return false; }
  // The vendor's decomposition; false, with nothing done, where there is none for it.
  virtual bool factorize(const Factorization&) { return false; }
  // Whether the vendor has the convolution, at whatever addresses that are multiples of 16, and the memory it
  // works in. Chooses the algorithm, which is kept, and submits nothing.
  virtual bool plan_convolution(const VendorConvolution&, size_t& /*workspace_bytes*/) { return false; }
  virtual void convolve(const VendorConvolution&) {}
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_RUNTIME_H_
