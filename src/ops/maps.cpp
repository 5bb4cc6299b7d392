#include "ops/maps.h"

namespace nngpu::ops {

Maps as_maps(const char* operation, const Tensor& x, int axes) {
  require_defined(operation, x);
  if (x.rank() != axes + 1 && x.rank() != axes + 2)
    fail<ShapeError>(operation, "needs maps of ", axes + 2, " or ", axes + 1, " dimensions: ", x.shape());
  Maps maps{x, axes, x.rank() == axes + 1};
  if (maps.single) maps.x = expand_dims(maps.x, 0);
  if (axes == 1) maps.x = expand_dims(maps.x, 2);
  return maps;
}

Tensor Maps::restored(const Tensor& y) const {
  Tensor result = axes == 1 ? squeeze(y, {2}) : y;
  return single ? squeeze(result, {0}) : result;
}

}  // namespace nngpu::ops
