#include "backend/gpu/devices.h"

#include <mutex>

#include "backend/gpu/module_runtime.h"
#include "backend/sim/runtime.h"
#include "nngpu/error.h"
#include "nngpu/kernel.h"

namespace nngpu::gpu {
namespace {

std::string why_absent(DeviceType type) {
  switch (type) {
    case DeviceType::Sim:
      return sim::absence();
    case DeviceType::CUDA: {
      std::string why;
      return cuda_device_count(why) > 0 ? "" : why;
    }
    case DeviceType::Metal:
      return "this build has no metal backend";
    case DeviceType::CPU:
      break;
  }
  return "it is not a GPU";
}

int device_count(DeviceType type) {
  std::string why;
  if (type == DeviceType::CUDA) return cuda_device_count(why);
  return type == DeviceType::Sim && why_absent(type).empty() ? 1 : 0;
}

std::unique_ptr<Runtime> make_runtime(Device device) {
  return device.type == DeviceType::CUDA ? make_cuda_runtime(device.index) : sim::make_runtime();
}

// Never destroyed: tensors may outlive static destructors.
struct Registry {
  std::mutex mutex;
  std::vector<std::pair<Device, GpuBackend*>> made;
};
Registry& registry() {
  static auto* instance = new Registry;
  return *instance;
}

}  // namespace

GpuBackend& backend_for(Device device) {
  std::lock_guard lock(registry().mutex);
  for (const auto& [known, backend] : registry().made)
    if (known == device) return *backend;
  const int count = device_count(device.type);
  if (count == 0)
    throw DeviceError("[device] " + to_string(device) + " is not usable: " + why_absent(device.type));
  if (device.index < 0 || device.index >= count) {
    throw DeviceError("[device] " + to_string(device) + " does not exist: there " +
                      (count == 1 ? "is one" : "are " + std::to_string(count)));
  }
  registry().made.emplace_back(device, new GpuBackend(device, make_runtime(device)));
  return *registry().made.back().second;
}

GpuBackend& use_runtime(Device device, std::unique_ptr<Runtime> runtime) {
  std::lock_guard lock(registry().mutex);
  for (const auto& entry : registry().made)
    if (entry.first == device) throw Error("[device] " + to_string(device) + " is in use already");
  registry().made.emplace_back(device, new GpuBackend(device, std::move(runtime)));
  return *registry().made.back().second;
}

std::vector<DeviceInfo> list(DeviceType type) {
  std::vector<DeviceInfo> result;
  const int count = device_count(type);
  for (int i = 0; i < count; ++i) {
    const Properties& properties = gpu::backend_for(Device{type, i}).properties();
    result.push_back({{type, i}, true, properties.name, properties.detail, properties.memory_bytes});
  }
  if (count == 0) result.push_back({{type, 0}, false, to_string({type, 0}), why_absent(type), 0});
  return result;
}

Activity activity(Device device) {
  const auto& counters = gpu::backend_for(device).counters();
  return {counters.kernels, counters.uploads, counters.downloads, counters.graphs, counters.replays};
}

}  // namespace nngpu::gpu

namespace nngpu {

KernelStats kernel_stats(Device device) {
  if (device.type == DeviceType::CPU) return {};
  const gpu::LibraryStats stats = gpu::backend_for(device).library().stats();
  return {stats.compiled, stats.from_cache, stats.built_ahead, stats.compile_seconds, stats.load_seconds};
}

}  // namespace nngpu
