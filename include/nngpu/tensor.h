// Tensor: an n-dimensional array, lazily computed.
#ifndef NNGPU_TENSOR_H_
#define NNGPU_TENSOR_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nngpu/device.h"
#include "nngpu/dtype.h"
#include "nngpu/error.h"
#include "nngpu/shape.h"

namespace nngpu {

namespace graph {
struct Node;
struct NodeAccess;
void retain(Node* node) noexcept;
void release(Node* node) noexcept;

// A counted reference to a graph node.
class NodePtr {
 public:
  NodePtr() = default;
  explicit NodePtr(Node* node) noexcept : node_(node) {
    if (node_) retain(node_);
  }
  NodePtr(const NodePtr& other) noexcept : NodePtr(other.node_) {}
  NodePtr(NodePtr&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodePtr& operator=(NodePtr other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodePtr() {
    if (node_) release(node_);
  }
  Node* get() const noexcept { return node_; }
  Node* operator->() const noexcept { return node_; }
  Node& operator*() const noexcept { return *node_; }
  explicit operator bool() const noexcept { return node_ != nullptr; }

 private:
  Node* node_ = nullptr;
};
}  // namespace graph

// A handle to a value: copying it copies no data. Values are immutable; operations (nngpu/ops.h) build new ones
// and compute nothing until a value is read on the host (item, to_vector, copy_to, data) or eval() is called.
class Tensor {
 public:
  Tensor() = default;  // undefined: every operation on it throws ValueError
  Tensor(bool value);  // rank-0 tensors; implicit, so that numbers mix with tensors
  Tensor(int value);
  Tensor(int64_t value);
  Tensor(float value);
  Tensor(double value);

  // A copy of row-major host data.
  template <class T>
  static Tensor from_data(const T* data, const Shape& shape, Device device = default_device()) {
    return from_bytes(data, dtype_of<T>(), shape, row_major_strides(shape), device);
  }
  template <class T>
  static Tensor from_vector(const std::vector<T>& values, const Shape& shape, Device device = default_device()) {
    check_count(static_cast<int64_t>(values.size()), shape);
    if constexpr (std::is_same_v<T, bool>) {
      std::vector<uint8_t> bytes(values.begin(), values.end());
      return from_bytes(bytes.data(), DType::Bool, shape, row_major_strides(shape), device);
    } else {
      return from_data(values.data(), shape, device);
    }
  }
  // A copy of strided host data; strides in elements, any sign.
  static Tensor from_bytes(const void* data, DType dtype, const Shape& shape, const Dims& strides,
                           Device device = default_device());
  // Host memory used in place, without a copy; `owner` is released when the last tensor using it is. On a device
  // that cannot address host memory this copies.
  static Tensor borrow(void* data, DType dtype, const Shape& shape, const Dims& strides,
                       std::shared_ptr<void> owner = nullptr, Device device = default_device());

  bool defined() const { return static_cast<bool>(node_); }
  const Shape& shape() const;
  int rank() const { return shape().size(); }
  int64_t size(int64_t axis) const;  // negative axes count from the end
  int64_t numel() const { return nngpu::numel(shape()); }
  DType dtype() const;
  Device device() const;

  // Computes the value now, and what a read runs with it (docs/engine.md). Returns *this.
  const Tensor& eval() const;
  // Whether the value has been computed.
  bool is_ready() const;

  // The single element, converted to T. Throws ShapeError unless numel() == 1.
  template <class T>
  T item() const;
  // All elements in row-major order, converted to T (T = bool, uint8_t, int32_t, int64_t, float, double, Half,
  // BFloat16).
  template <class T>
  std::vector<T> to_vector() const;
  // Copies the elements, of this tensor's own dtype, to host memory with the given strides in elements.
  void copy_to(void* destination, const Dims& strides) const;

  // The same elements on another device, copied now; *this where it lies there already.
  Tensor to(Device device) const;

  // Host-readable memory of the computed value and its strides in elements. Valid while this tensor lives. Throws
  // DeviceError where the host cannot address the device's memory.
  const void* data() const;
  template <class T>
  const T* data_as() const;
  Dims strides() const;  // of the computed value
  bool is_contiguous() const;

  // --- Gradients (nngpu/autograd.h) ---

  // Whether gradients flow through this tensor: it was made by requires_grad(), or computed from such tensors.
  bool requires_grad() const;
  // The gradient that backward() has collected here; undefined if there is none or this was not made by
  // requires_grad().
  Tensor grad() const;
  void zero_grad() const;  // forgets it
  void backward() const;   // nngpu::backward(*this)

  Tensor operator-() const;
  Tensor operator!() const;
  Tensor operator~() const;

  // For the library's own use.
  explicit Tensor(graph::NodePtr node, uint32_t output = 0) : node_(std::move(node)), output_(output) {}
  const graph::NodePtr& node() const { return node_; }
  uint32_t output() const { return output_; }

 private:
  static void check_count(int64_t count, const Shape& shape);
  graph::NodePtr node_;
  uint32_t output_ = 0;
};

// A cell that holds a tensor which changes: a parameter, a running statistic, an optimizer's state. Copies of a
// Variable refer to the same cell. Updates are lazy; a read of any value runs the pending updates of the thread.
class Variable {
 public:
  Variable() = default;
  // `requires_grad`: backward() collects a gradient for it. DTypeError unless it is floating then.
  explicit Variable(const Tensor& initial, bool requires_grad = false);
  bool defined() const { return cell_ != nullptr; }
  // The current value. Inside compile() this records a read.
  Tensor value() const;
  operator Tensor() const { return value(); }
  // Replaces the value; shape and dtype must stay. The old storage is reused if no other handle holds it.
  void assign(const Tensor& value) const;
  const Shape& shape() const;
  DType dtype() const;
  Device device() const;

  // --- Gradients (nngpu/autograd.h) ---

  bool requires_grad() const;
  void set_requires_grad(bool requires_grad) const;
  Tensor grad() const;  // what backward() has collected; undefined if nothing
  // Replaces it, as clipping does. Shape and dtype are the variable's; undefined: forgets it.
  void set_grad(const Tensor& gradient) const;
  void zero_grad() const { set_grad(Tensor()); }

  struct Cell;
  const std::shared_ptr<Cell>& cell() const { return cell_; }

 private:
  std::shared_ptr<Cell> cell_;
};

using NamedVariables = std::vector<std::pair<std::string, Variable>>;

using NamedVariables = std::vector<std::pair<std::string, Variable>>;

// Computes several tensors in one plan.
void eval(const std::vector<Tensor>& tensors);
// The same without waiting for a GPU to say whether it could compute them: errors of values (a singular matrix, an
// index out of range) are thrown by the reads, not here.
void start_eval(const std::vector<Tensor>& tensors);

// Elements in row-major order with the shape and dtype, shortened when long.
std::string to_string(const Tensor& tensor);
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace nngpu

#endif  // NNGPU_TENSOR_H_
