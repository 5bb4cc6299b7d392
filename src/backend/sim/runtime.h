// The simulated device: kernels compiled by the host's compiler, run by the emulator.
#ifndef NNGPU_BACKEND_SIM_RUNTIME_H_
#define NNGPU_BACKEND_SIM_RUNTIME_H_

#include <memory>

#include "backend/gpu/runtime.h"

namespace nngpu::sim {

// Why the simulated device is not usable here; empty if it is. It needs a C++ compiler at run time: NNGPU_SIM_CXX,
// else the one that built the library, else c++.
std::string absence();
std::unique_ptr<gpu::Runtime> make_runtime();

}  // namespace nngpu::sim

#endif  // NNGPU_BACKEND_SIM_RUNTIME_H_
