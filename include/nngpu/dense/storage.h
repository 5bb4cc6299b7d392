// The storage behind GPUDense: a lazily computed tensor, its host mirror, and parts assigned but not yet applied.
#ifndef NNGPU_DENSE_STORAGE_H_
#define NNGPU_DENSE_STORAGE_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::dense {

using Index = std::ptrdiff_t;

// A part of a matrix: the rectangle of rows x cols elements at (row, col), or, if `diagonal`, the `rows` elements
// (row, col), (row + 1, col + 1), ... as one column.
struct View {
  Index row = 0, col = 0, rows = 0, cols = 0;
  bool diagonal = false;

  Index size() const { return rows * cols; }
  bool is_vector() const { return rows == 1 || cols == 1; }
  // Where element (i, j) of the part is in column-major storage of `ld` rows.
  Index offset(Index i, Index j, Index ld) const {
    return diagonal ? (row + i) + (col + i) * ld : (row + i) + (col + j) * ld;
  }
  // The rectangle r x c at (i, j) of this part. Throws IndexError naming `operation` if it is not inside.
  View block(const char* operation, Index i, Index j, Index r, Index c) const;
  View row_at(Index i) const;                                           // "row"
  View col_at(Index j) const;                                           // "col"
  View segment(const char* operation, Index start, Index count) const;  // of a vector; else ShapeError
  View diagonal_at(Index offset) const;
};

[[noreturn]] void throw_index(const char* operation, Index i, Index j, Index rows, Index cols);
[[noreturn]] void throw_linear_index(const char* operation, Index i, Index size);

// Host elements that tensors may borrow: `leases` counts those that do, and while there are any the elements must
// not change.
struct HostBuffer {
  HostBuffer(size_t bytes, bool zeroed);
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;
  ~HostBuffer();
  char* data;
  std::atomic<int64_t> leases{0};
};

// The value of a matrix. It is kept as the *stored* tensor of shape (cols, rows): row-major, so that its elements
// are those of the matrix column by column. Three places can hold it, and the accessors keep track of which are
// current:
//   device  the stored tensor (ready or pending),
//   host    a column-major buffer that element writes go to; the tensor is absent and made again, without a copy
//           where the device can address host memory, by the next operation,
//   both    the same values in the two; the host side may be the tensor's own memory.
// A new matrix is in none of them: it is zero, and nothing is allocated. Parts that were assigned (write_part)
// wait in a list until the matrix is next used, so that their right-hand sides are computed together.
//
// Const members may be called from several threads at once, and so may read() and write() for different elements.
class Storage {
 public:
  Storage(DType dtype, Index rows, Index cols, Device device);  // zeros
  Storage(DType dtype, Tensor stored);
  Storage(const Storage& other);
  Storage(Storage&& other) noexcept;
  Storage& operator=(const Storage& other);
  Storage& operator=(Storage&& other) noexcept;
  ~Storage() = default;

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  Device device() const { return device_; }
  DType dtype() const { return dtype_; }

  Tensor stored() const;
  void assign(Tensor stored);             // the new value, of any shape
  void set_zero(Index rows, Index cols);  // releases the memory
  void write_part(const View& part, Tensor stored);

  // The current elements, column-major without gaps; computes and downloads them if need be. Valid until the
  // matrix is next modified.
  const void* read() const {
    const void* data = read_.load(std::memory_order_acquire);
    return data ? data : read_slow();
  }
  // The same, about to be modified: until the next operation on the matrix they are its value.
  void* write() {
    void* data = write_.load(std::memory_order_acquire);
    return data ? data : write_slow();
  }

 private:
  struct Part {
    View view;
    Tensor value;
  };
  size_t bytes() const;
  const void* read_slow() const;
  void* write_slow();
  // These need the mutex.
  Tensor base() const;
  void make_writable() const;
  void flush(bool to_host) const;
  void apply_on_host(std::vector<Part>& parts) const;
  void apply_as_tensor() const;
  void reset() noexcept;
  void take(Storage& other) noexcept;

  DType dtype_;
  Device device_;
  Index rows_ = 0, cols_ = 0;
  mutable std::mutex mutex_;
  mutable std::atomic<const void*> read_{nullptr};  // set while the host side is current
  mutable std::atomic<void*> write_{nullptr};       // set while it alone is
  mutable Tensor tensor_;
  mutable std::shared_ptr<HostBuffer> buffer_;
  mutable std::vector<Part> parts_;
  mutable int64_t part_bytes_ = 0;
  mutable int rewrites_ = 0;  // parts applied by building a new tensor since the last assign
  // What read_ pointed into before the last write: other threads may still be reading there.
  mutable Tensor retired_;
  mutable std::shared_ptr<HostBuffer> retired_buffer_;
};

}  // namespace nngpu::dense

#endif  // NNGPU_DENSE_STORAGE_H_
