// What autocast (nngpu/amp.h) makes of operands. Without a scope these return them as they are.
#ifndef NNGPU_OPS_AUTOCAST_H_
#define NNGPU_OPS_AUTOCAST_H_

#include "nngpu/amp.h"
#include "ops/convert.h"

namespace nngpu::ops {

// The operands of a product in their common dtype, or in the scope's where that is f32 or a half type.
std::vector<Tensor> promoted_for_product(const char* operation, std::span<const Tensor> operands);
// Of functions that need f32's range or precision: half types in f32.
Tensor autocast_wide(const Tensor& x);
// Whether an elementwise primitive is one of those.
bool is_wide_in_autocast(Elementwise code);

}  // namespace nngpu::ops

#endif  // NNGPU_OPS_AUTOCAST_H_
