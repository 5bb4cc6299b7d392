// Checks of what callers hand in: functions, and gradients and directions beside the tensors they belong to.
#ifndef NNGPU_SRC_AUTOGRAD_REQUIRE_H_
#define NNGPU_SRC_AUTOGRAD_REQUIRE_H_

#include <vector>

#include "core/fail.h"
#include "graph/node.h"

namespace nngpu::autograd {

template <class Function>
void require_function(const char* operation, const Function& function) {
  if (!function) fail<ValueError>(operation, "there is no function");
}

// Numbers belong to every device.
inline void require_same_device(const char* operation, const char* what, const Tensor& given, const Tensor& like) {
  if (graph::is_number(*given.node()) || given.device() == like.device()) return;
  fail<DeviceError>(operation, "a ", what, " on ", given.device(), " for a tensor on ", like.device());
}

// One of each tensor's shape, dtype and device, or undefined.
inline void require_like(const char* operation, const char* what, const std::vector<Tensor>& given,
                         const std::vector<Tensor>& like) {
  if (given.size() != like.size())
    fail<ValueError>(operation, given.size(), " ", what, "s for ", like.size(), " tensors");
  for (size_t i = 0; i < given.size(); ++i) {
    if (!given[i].defined()) continue;
    if (!(given[i].shape() == like[i].shape()))
      fail<ShapeError>(operation, "a ", what, " of shape ", given[i].shape(), " for a tensor of shape ",
                       like[i].shape());
    if (given[i].dtype() != like[i].dtype())
      fail<DTypeError>(operation, "a ", what, " of ", given[i].dtype(), " for a tensor of ", like[i].dtype());
    require_same_device(operation, what, given[i], like[i]);
  }
}

}  // namespace nngpu::autograd

#endif  // NNGPU_SRC_AUTOGRAD_REQUIRE_H_
