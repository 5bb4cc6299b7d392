// Kernels of your own: written once in the dialect of docs/gpu.md, run on every GPU and on the simulated device,
// and lazy like every other operation.
//
//   const ng::Kernel saxpy({.name = "saxpy", .inputs = {"x", "y"}, .numbers = {"a"}, .outputs = {"out"}, .body =
//   R"(
//     const i64 step = (i64)gdim.x * (i64)bdim.x;
//     for (i64 i = (i64)bid.x * (i64)bdim.x + (i64)tid.x; i < out_size; i += step) out[i] = a * x[i] + y[i];
//   )"});
//   ng::Tensor z = saxpy({x, y}, {2.0f}, {.shapes = {x.shape()}, .dtypes = {ng::DType::F32}, .blocks = {64}});
#ifndef NNGPU_KERNEL_H_
#define NNGPU_KERNEL_H_

#include <functional>
#include <string>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu {

class Kernel {
 public:
  // Names are identifiers that the body uses. In the body an input or output `x` is a DEVICE pointer to its
  // elements in row-major order (inputs const), of the dialect's type for its dtype, x_type; `x_size` is their
  // number (i64). A number is a value of its dtype. No output may be read before the kernel has written it.
  struct Definition {
    std::string name;
    std::vector<std::string> inputs;
    std::vector<std::string> numbers = {};  // passed by value: a new value compiles nothing
    std::vector<std::string> outputs;
    std::string body;
    std::string header = {};  // functions, structs and macros that stand before the kernel
  };
  struct Grid {
    int64_t x = 1, y = 1, z = 1;
  };
  // Of one call: the outputs, and the grid (threads: at most 1024 of a block).
  struct Call {
    std::vector<Shape> shapes;
    std::vector<DType> dtypes;
    Grid blocks = {};
    Grid threads = {256};
  };

  // The gradients by the inputs (an undefined tensor: zero) of one call, from its inputs, numbers and outputs and
  // the gradients by the outputs (zeros where there are none): operations on tensors, other kernels among them.
  using Gradient =
      std::function<std::vector<Tensor>(const std::vector<Tensor>& inputs, const std::vector<Tensor>& numbers,
                                        const std::vector<Tensor>& outputs, const std::vector<Tensor>& gradients)>;

  // Throws ValueError for names that are no identifiers or not distinct. The text itself is compiled when the
  // kernel first runs; what the compiler says of it comes with the read, as a DeviceError. Without a gradient,
  // asking for one through the kernel is a GradientError.
  explicit Kernel(Definition definition, Gradient gradient = nullptr);

  // The outputs, not computed yet. All inputs lie on one device, a GPU or the simulated one: DeviceError
  // otherwise. `numbers` are rank-0 tensors or plain numbers (a floating number is f32, an integer i64). Throws
  // ValueError for a wrong count of anything or an impossible grid.
  std::vector<Tensor> operator()(const std::vector<Tensor>& inputs, const std::vector<Tensor>& numbers,
                                 const Call& call) const;

 private:
  std::vector<Tensor> run(const std::vector<Tensor>& inputs, const std::vector<Tensor>& numbers,
                          const Call& call) const;
  int64_t id_;
  Gradient gradient_;
};

// The kernel texts, the library's own and programs', that a device has loaded since the start, by where their code
// came from, and how long that took, in seconds of all threads together.
struct KernelStats {
  int64_t compiled = 0;     // by the device's compiler, in this process
  int64_t from_cache = 0;   // from NNGPU_CACHE_DIR
  int64_t built_ahead = 0;  // from the files that were compiled when the library was built
  double compile_seconds = 0, load_seconds = 0;
};
// All zeros for the CPU. Throws DeviceError if the device is not usable.
KernelStats kernel_stats(Device device = default_device());

}  // namespace nngpu

#endif  // NNGPU_KERNEL_H_
