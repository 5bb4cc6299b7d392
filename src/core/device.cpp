#include "nngpu/device.h"

#include <atomic>
#include <cstdlib>

#include "backend/cpu/backend.h"
#include "backend/cpu/parallel.h"
#include "backend/gpu/devices.h"
#include "core/buffer.h"
#include "nngpu/error.h"

namespace nngpu {
namespace {

constexpr const char* kTypeNames[] = {"cpu", "cuda", "metal", "sim"};

std::atomic<uint64_t>& default_setting() {
  static std::atomic<uint64_t> setting{[] {
    const char* name = std::getenv("NNGPU_DEVICE");
    if (name == nullptr || *name == '\0') return uint64_t{0};
    const Device device = device_from_name(name);
    return static_cast<uint64_t>(device.type) << 32 | static_cast<uint32_t>(device.index);
  }()};
  return setting;
}

}  // namespace

std::string to_string(Device device) {
  std::string name = kTypeNames[static_cast<int>(device.type)];
  return device.index == 0 ? name : name + ":" + std::to_string(device.index);
}

Device device_from_name(const std::string& name) {
  const size_t colon = name.find(':');
  const std::string type = name.substr(0, colon);
  Device device;
  bool known = false;
  for (int i = 0; i < 4; ++i) {
    if (type == kTypeNames[i]) device.type = static_cast<DeviceType>(i), known = true;
  }
  const std::string index = colon == std::string::npos ? "0" : name.substr(colon + 1);
  const bool numeric =
      !index.empty() && index.size() < 6 && index.find_first_not_of("0123456789") == std::string::npos;
  if (!known || !numeric) {
    throw DeviceError("[device] unknown device '" + name +
                      "': write cpu, cuda, metal or sim, or one with an index, as cuda:1");
  }
  device.index = std::atoi(index.c_str());
  backend_for(device);
  return device;
}

Backend& backend_for(Device device) {
  if (device.type != DeviceType::CPU) return gpu::backend_for(device);
  if (device.index != 0) throw DeviceError("[device] " + to_string(device) + " does not exist: there is one cpu");
  return cpu::backend();
}

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> list{cpu::describe()};
  for (DeviceType type : {DeviceType::CUDA, DeviceType::Metal, DeviceType::Sim})
    for (DeviceInfo& info : gpu::list(type)) list.push_back(std::move(info));
  return list;
}

Device default_device() {
  const uint64_t setting = default_setting().load(std::memory_order_relaxed);
  return {static_cast<DeviceType>(setting >> 32), static_cast<int>(setting & 0xffffffffu)};
}

void set_default_device(Device device) {
  backend_for(device);
  default_setting() = static_cast<uint64_t>(device.type) << 32 | static_cast<uint32_t>(device.index);
}

namespace {
std::atomic<bool>& tf32_setting() {
  static std::atomic<bool> setting{[] {
    const char* value = std::getenv("NNGPU_TF32");
    return value != nullptr && std::string(value) == "1";
  }()};
  return setting;
}
}  // namespace

bool tf32() { return tf32_setting().load(std::memory_order_relaxed); }
void set_tf32(bool allowed) { tf32_setting() = allowed; }

int num_threads() { return cpu::num_threads(); }

void set_num_threads(int threads) {
  if (threads < 1) throw ValueError("[set_num_threads] needs at least 1 thread, not " + std::to_string(threads));
  cpu::set_num_threads(threads);
}

MemoryStats memory_stats(Device device) { return backend_for(device).pool().stats(); }
void reset_peak_memory(Device device) { backend_for(device).pool().reset_peak(); }
void set_memory_limit(int64_t bytes, Device device) {
  if (bytes < 0) throw ValueError("[set_memory_limit] needs a size of at least 0, not " + std::to_string(bytes));
  backend_for(device).pool().set_limit(bytes);
}
void trim_memory(Device device) {
  if (device.type == DeviceType::CPU) return backend_for(device).pool().trim();
  gpu::backend_for(device).trim();
}

}  // namespace nngpu
