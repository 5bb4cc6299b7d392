#include "nngpu/dense.h"

namespace nngpu {

template class GPUDense<float>;
template class GPUDense<double>;
template class GPUBlock<float>;
template class GPUBlock<double>;

}  // namespace nngpu
