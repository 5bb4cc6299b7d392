#include <mutex>

#include "core/fail.h"
#include "graph/context.h"
#include "graph/gradient_record.h"
#include "graph/trace.h"
#include "nngpu/autograd.h"

namespace nngpu {
namespace {

std::shared_ptr<Variable::Cell> require(const std::shared_ptr<Variable::Cell>& cell) {
  if (!cell) throw ValueError("[Variable] is undefined");
  return cell;
}

// Of a value or gradient for the variable.
void require_same_kind(const char* what, const Variable::Cell& cell, const Tensor& value) {
  graph::require_defined("Variable", value);
  if (!(value.shape() == cell.shape))
    fail<ShapeError>("Variable", "cannot assign ", what, "shape ", value.shape(), " to shape ", cell.shape);
  if (value.dtype() != cell.dtype)
    fail<DTypeError>("Variable", "cannot assign ", what, value.dtype(), " to ", cell.dtype);
  if (!graph::is_number(*value.node()) && !(value.device() == cell.device)) {
    fail<DeviceError>("Variable", "cannot assign ", what, "a tensor on ", value.device(), " to one on ",
                      cell.device, ": copy it with to(device)");
  }
}

// The variable's value as a leaf, the same one until it is assigned again.
Tensor tracked_value(Variable::Cell& cell, const Tensor& value, const std::shared_ptr<graph::GradientLeaf>& leaf) {
  const Tensor made = graph::make_leaf(value, leaf);  // not under the mutex: it may run pending nodes
  std::lock_guard lock(cell.mutex);
  if (cell.value.node().get() != value.node().get()) return made;  // assigned meanwhile
  if (!cell.tracked.defined()) cell.tracked = made;
  return cell.tracked;
}

}  // namespace

Variable::Variable(const Tensor& initial, bool requires_grad) : cell_(std::make_shared<Cell>()) {
  graph::require_defined("Variable", initial);
  cell_->value = initial;
  cell_->shape = initial.shape();
  cell_->dtype = initial.dtype();
  cell_->device = initial.device();
  if (requires_grad) set_requires_grad(true);
}

Tensor Variable::value() const {
  require(cell_);
  Tensor value, tracked;
  std::shared_ptr<graph::GradientLeaf> leaf;
  {
    std::lock_guard lock(cell_->mutex);
    value = cell_->value;
    tracked = cell_->tracked;
    leaf = cell_->leaf;
  }
  const bool wanted = leaf != nullptr && graph::gradients_enabled();
  if (graph::Trace* trace = graph::Trace::current()) return trace->read(cell_, wanted ? leaf : nullptr);
  if (!wanted) return value;
  return tracked.defined() ? tracked : tracked_value(*cell_, value, leaf);
}

void Variable::assign(const Tensor& given) const {
  require(cell_);
  require_same_kind("", *cell_, given);
  if (graph::runs_again()) return;
  const Tensor value =
      stop_gradient(given);  // a variable is where gradients end, and must not keep what it came from
  if (graph::Trace* trace = graph::Trace::current()) return trace->write(cell_, value);
  std::pair<Tensor, Tensor> old;  // released outside the lock
  {
    std::lock_guard lock(cell_->mutex);
    old = cell_->set(value);
  }
  if (!value.is_ready()) graph::Context::current().mark_changed(cell_);
}

const Shape& Variable::shape() const { return require(cell_)->shape; }
DType Variable::dtype() const { return require(cell_)->dtype; }
Device Variable::device() const { return require(cell_)->device; }

bool Variable::requires_grad() const {
  require(cell_);
  std::lock_guard lock(cell_->mutex);
  return cell_->leaf != nullptr;
}

void Variable::set_requires_grad(bool requires_grad) const {
  require(cell_);
  if (requires_grad && !is_floating(cell_->dtype))
    fail<DTypeError>("Variable", "gradients need a floating dtype: ", cell_->dtype);
  Tensor old;
  std::lock_guard lock(cell_->mutex);
  if (requires_grad == (cell_->leaf != nullptr)) return;
  cell_->leaf = requires_grad ? std::make_shared<graph::GradientLeaf>() : nullptr;
  old = std::exchange(cell_->tracked, Tensor());
}

Tensor Variable::grad() const {
  require(cell_);
  std::lock_guard lock(cell_->mutex);
  if (!cell_->leaf) return {};
  std::lock_guard leaf_lock(cell_->leaf->mutex);
  return cell_->leaf->gradient;
}

void Variable::set_grad(const Tensor& gradient) const {
  require(cell_);
  if (gradient.defined()) require_same_kind("a gradient of ", *cell_, gradient);
  std::shared_ptr<graph::GradientLeaf> leaf;
  {
    std::lock_guard lock(cell_->mutex);
    leaf = cell_->leaf;
  }
  if (!leaf) {
    if (!gradient.defined()) return;
    throw ValueError("[Variable] was not asked to collect gradients: set_requires_grad(true)");
  }
  graph::collect_gradient(leaf, gradient);
}

}  // namespace nngpu
