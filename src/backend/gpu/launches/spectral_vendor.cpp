#include "backend/gpu/launches/spectral_vendor.h"

#include <algorithm>
#include <cmath>

#include "backend/gpu/launches/vendor_entries.h"

namespace nngpu::gpu {
namespace {

using Kind = Factorization::Kind;

// Up to so many matrices the vendor is faster one after another than our rotations are on all at once: measured on
// an H200, for sides of 200.
int64_t few(const Stack& a) { return side_of(a) * side_of(a) / 2500; }

int64_t entry_bytes(const Stack& stack) {
  return stack.entry_size() * static_cast<int64_t>(dtype_size(stack.dtype));
}

// The transpose of a matrix of `rows` rows, both column-major.
void transpose(GpuBackend& gpu, DType dtype, int64_t rows, int64_t columns, const char* from, char* to) {
  copy_strided(gpu, dtype_size(dtype), {rows, columns}, from, {1, rows}, to, {columns, 1});
}

// The singular values of one matrix at a time, or of its transpose where that is taller.
class SvdEntries {
 public:
  SvdEntries(GpuBackend& gpu, const Stack& a, const Stack& u, const Stack& values, const Stack& vt,
             double tolerance)
      : gpu_(gpu),
        a_(a),
        u_(u),
        values_(values),
        vt_(vt),
        vectors_(u.data != nullptr),
        wide_(a.rows < a.columns),
        rows_(std::max(a.rows, a.columns)),
        columns_(std::min(a.rows, a.columns)),
        tolerance_(tolerance),
        kept_(!vectors_ ? columns_
              : wide_   ? vt.rows
                        : u.columns),
        work_(memory(rows_ * columns_)),
        x_(memory(rows_ * kept_)),
        v_(memory(columns_ * columns_)) {}

  bool run(int64_t entry, int32_t* info) {
    const char* from = a_.data + entry * entry_bytes(a_);
    if (wide_)
      transpose(gpu_, a_.dtype, a_.rows, a_.columns, from, work_->data);
    else
      gpu_.runtime().copy(work_->data, from, static_cast<size_t>(entry_bytes(a_)));
    Factorization f{Kind::Svd, a_.dtype};
    f.rows = f.lda = f.ldx = rows_;
    f.columns = columns_;
    f.k = kept_;
    f.tolerance = tolerance_;
    f.a = work_->data;
    f.x = x_->data;
    f.v = v_->data;
    f.values = values_.data + entry * entry_bytes(values_);
    f.info = info;
    if (!gpu_.runtime().factorize(f)) return false;
    if (vectors_) store(entry);
    return true;
  }

 private:
  BufferPtr memory(int64_t elements) const {
    return gpu_.pool().allocate(static_cast<size_t>(elements) * dtype_size(a_.dtype));
  }
  // A = X S V^T, or A^T is.
  void store(int64_t entry) {
    char* u = u_.data + entry * entry_bytes(u_);
    char* vt = vt_.data + entry * entry_bytes(vt_);
    gpu_.runtime().copy(u, wide_ ? v_->data : x_->data, static_cast<size_t>(entry_bytes(u_)));
    if (wide_)
      transpose(gpu_, a_.dtype, rows_, kept_, x_->data, vt);
    else
      transpose(gpu_, a_.dtype, columns_, columns_, v_->data, vt);
  }

  GpuBackend& gpu_;
  const Stack &a_, &u_, &values_, &vt_;
  bool vectors_, wide_;
  int64_t rows_, columns_;
  double tolerance_;
  int64_t kept_;
  BufferPtr work_, x_, v_;
};

bool svd_entries(GpuBackend& gpu, const Stack& a, const Stack& u, const Stack& values, const Stack& vt,
                 const InfoWords& info, double epsilon) {
  // An error of all the values alike weighs their number's root in the product.
  SvdEntries entries(gpu, a, u, values, vt, epsilon * std::sqrt(static_cast<double>(values.rows)));
  for (int64_t e = 0; e < a.entries; ++e)
    if (!entries.run(e, info.of(e))) return false;
  return true;
}

// In f32 the fast method fails for most matrices that are large, and takes nearly as long as in f64.
bool svd_in_double(GpuBackend& gpu, const Stack& a, const Stack& u, const Stack& values, const Stack& vt,
                   const InfoWords& info) {
  const auto wide = [&](const Stack& stack) { return stack.data == nullptr ? Stack() : in_double(gpu, stack); };
  const Stack wide_a = in_double(gpu, a), wide_u = wide(u), wide_values = wide(values), wide_vt = wide(vt);
  convert(gpu, a, wide_a);
  if (!svd_entries(gpu, wide_a, wide_u, wide_values, wide_vt, info, 0x1p-23)) return false;
  for (const auto& [from, to] : {std::pair{&wide_u, &u}, {&wide_values, &values}, {&wide_vt, &vt}})
    if (to->data != nullptr) convert(gpu, *from, *to);
  return true;
}

}  // namespace

bool eigh_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& values, const Stack& vectors,
                    const Stack& status) {
  if (!are_vendors(a, few(a))) return false;
  const bool with_vectors = vectors.data != nullptr;
  const InfoWords info(gpu, a.entries);
  AlignedEntries entries(gpu, a);
  for (int64_t e = 0; e < a.entries; ++e) {
    Factorization f = factorization(Kind::Eigh, a, entries.open(e));
    f.values = values.data + e * entry_bytes(values);
    f.vectors = with_vectors;
    f.info = info.of(e);
    if (!gpu.runtime().factorize(f)) return false;
    if (with_vectors)
      gpu.runtime().copy(vectors.data + e * entry_bytes(vectors), f.a, static_cast<size_t>(entry_bytes(a)));
  }
  info.store(status, a.rows);
  if (with_vectors) spoil_non_finite(gpu, vectors, status, a.rows);
  spoil_non_finite(gpu, values, status, a.rows);
  return true;
}

bool svd_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& u, const Stack& values, const Stack& vt,
                   const Stack& status) {
  if (!are_vendors(a, few(a))) return false;
  const InfoWords info(gpu, a.entries);
  if (a.dtype == DType::F64 ? !svd_entries(gpu, a, u, values, vt, info, 0x1p-52)
                            : !svd_in_double(gpu, a, u, values, vt, info))
    return false;
  clear_signs(gpu, values);
  info.store(status, a.columns);
  for (const Stack* result : {&u, &values, &vt})
    if (result->data != nullptr) spoil_non_finite(gpu, *result, status, a.columns);
  return true;
}

}  // namespace nngpu::gpu
