#include "graph/context.h"
#include "graph/trace.h"
#include "nn/module_state.h"

namespace nngpu::nn {

void replace_value(const Variable& variable, const Tensor& value) {
  if (graph::Trace::current() != nullptr) {
    throw ValueError("[Module] a module cannot be converted or moved inside a traced function");
  }
  value.eval();
  Variable::Cell& cell = *variable.cell();
  Tensor old;  // released outside the lock
  const std::lock_guard lock(cell.mutex);
  old = std::exchange(cell.value, value);
  cell.dtype = value.dtype();
  cell.device = value.device();
}

}  // namespace nngpu::nn
