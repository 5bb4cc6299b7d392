// The GPUs that this process can use.
#ifndef NNGPU_BACKEND_GPU_DEVICES_H_
#define NNGPU_BACKEND_GPU_DEVICES_H_

#include <string>
#include <vector>

#include "backend/gpu/backend.h"
#include "nngpu/device.h"

namespace nngpu::gpu {

// The backend of a device other than the CPU. Throws DeviceError, saying why, if it is not usable.
GpuBackend& backend_for(Device device);

// Makes the device one of this runtime's, for programs that have none. Throws Error if it is in use already.
GpuBackend& use_runtime(Device device, std::unique_ptr<Runtime> runtime);

// One entry a device of this type; one that says why, if there is none.
std::vector<DeviceInfo> list(DeviceType type);

// What a device has done since the start: kernels run, copies from and to the host, graphs launched (which count
// as many kernels as they have), plans run from a recording.
struct Activity {
  int64_t kernels = 0, uploads = 0, downloads = 0, graphs = 0, replays = 0;
};
Activity activity(Device device);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_DEVICES_H_
