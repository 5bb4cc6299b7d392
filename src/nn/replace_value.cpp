#include "graph/context.h"
#include "graph/trace.h"
#include "nn/module_state.h"
#include "nngpu/autograd.h"

namespace nngpu::nn {

void replace_value(const Variable& variable, const Tensor& value) {
  if (graph::Trace::current() != nullptr) {
    throw ValueError("[Module] a module cannot be converted or moved inside a traced function");
  }
  const Tensor next = stop_gradient(value);
  next.eval();
  variable.zero_grad();  // it has the old dtype and device
  Variable::Cell& cell = *variable.cell();
  std::pair<Tensor, Tensor> old;  // released outside the lock
  const std::lock_guard lock(cell.mutex);
  old = cell.set(next);
  cell.dtype = next.dtype();
  cell.device = next.device();
}

}  // namespace nngpu::nn
