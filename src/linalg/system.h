// Linear systems: bringing the matrix and the right-hand side together.
#ifndef NNGPU_LINALG_SYSTEM_H_
#define NNGPU_LINALG_SYSTEM_H_

#include "graph/infer_rules.h"
#include "nngpu/linalg.h"
#include "ops/batch.h"

namespace nngpu::linalg {

using graph::LinalgParams;
using graph::make_node;
using graph::OpKind;
using graph::output;
using graph::require_defined;

// a and b in one dtype, with equal row counts and batches that broadcast; a right-hand side of rank 1 has become a
// column.
struct Operands {
  Tensor a, b;
  bool vector;
  Shape batch;
};
Operands make_operands(const char* operation, const Tensor& a, const Tensor& b);

// Operands with equal batches. Many right-hand sides of a single matrix stand side by side as columns, so that it
// is factored once.
struct System {
  Tensor a, b;
  bool vector;
  Shape batch;
  int64_t columns;  // of each right-hand side
  bool folded;
  // A solution as the caller wants it.
  Tensor finish(const Tensor& x) const;
};
System make_system(const char* operation, const Tensor& a, const Tensor& b);

}  // namespace nngpu::linalg

#endif  // NNGPU_LINALG_SYSTEM_H_
