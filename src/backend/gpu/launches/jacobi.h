// Rotations that make columns orthogonal: symmetric eigenproblems and singular values over stacks.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_JACOBI_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_JACOBI_H_

#include "backend/gpu/launches/decompose.h"

namespace nngpu::gpu {

// As in kernels/jacobi_small.kl.
struct SmallSizes {
  int64_t entries;
  int32_t rows, columns, vectors, full;
};
// "#define EPSILON ...\n#define TINY ...\n"
std::string limits(DType dtype);
// The kernel of a problem whose matrices have no side over 16. `which` is EIGH or SVD.
KernelHandle jacobi_small_kernel(GpuBackend& gpu, const SmallGrid& grid, DType dtype, const char* which,
                                 const char* name);

// A large problem: the columns of each matrix of `a`, or of its transpose where that is taller.
class Jacobi {
 public:
  Jacobi(GpuBackend& gpu, const Stack& a, bool symmetric, bool vectors);
  // Rotates until all columns are orthogonal. status: 1 where that did not succeed.
  void rotate(const Stack& status);
  // Writes the values in order, and keeps the columns' places.
  void order(char* values);
  // The columns divided by their lengths, and the product of the rotations, as matrices of which the columns are
  // in order.
  void store_columns(const Matrices& to) const;
  void store_rotations(const Matrices& to) const;
  // How many columns of each entry are not zero.
  const char* ranks() const { return ranks_->data; }

 private:
  // As in kernels/jacobi.kl.
  struct Sizes {
    int64_t entries;
    int32_t rows, columns, length, count, symmetric, vectors;
  };
  KernelHandle kernel(const char* name) const;
  BufferPtr memory(int64_t elements) const;
  void store(const char* from, bool divide, const Matrices& to) const;

  GpuBackend& gpu_;
  Stack a_;
  Sizes sizes_;
  BufferPtr work_, rotations_, squares_, quotients_, scales_, places_, ranks_;
};

// Fills the columns of each entry from ranks[entry] on, to orthonormal ones.
void complete_columns(GpuBackend& gpu, const Matrices& columns, const char* ranks);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_JACOBI_H_
