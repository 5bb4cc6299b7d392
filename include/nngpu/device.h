// Devices, threads and device memory.
#ifndef NNGPU_DEVICE_H_
#define NNGPU_DEVICE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace nngpu {

enum class DeviceType : uint8_t { CPU, CUDA, Metal, Sim };

struct Device {
  DeviceType type = DeviceType::CPU;
  int index = 0;
  bool operator==(const Device&) const = default;
};

// "cpu", "cuda:1", ...
std::string to_string(Device device);

// The device of that name ("cpu", "cuda", "cuda:1", "metal", "sim"). Throws DeviceError if it is not usable here,
// saying why.
Device device_from_name(const std::string& name);

// What `nngpu devices` lists: one entry a device found, and one a backend that is not usable.
struct DeviceInfo {
  Device device;
  bool available = false;
  std::string name;    // the processor or GPU
  std::string detail;  // instruction set, BLAS, threads; or why the backend is not usable
  int64_t memory_bytes = 0;
};
std::vector<DeviceInfo> devices();

// The device new tensors go to: NNGPU_DEVICE if set, else the best one there is.
Device default_device();
void set_default_device(Device device);

// Threads of the CPU backend, its BLAS included. Initially NNGPU_NUM_THREADS, else OMP_NUM_THREADS, else every
// core.
int num_threads();
void set_num_threads(int threads);  // throws ValueError below 1

// Whether products of f32 on a GPU may round their factors to tf32 (10 bits of mantissa), which is several times
// faster there. Off unless set, or NNGPU_TF32=1.
bool tf32();
void set_tf32(bool allowed);

// Statistics of one device's memory pool, in bytes.
struct MemoryStats {
  int64_t in_use = 0;       // handed out
  int64_t peak = 0;         // largest in_use since the last reset
  int64_t reserved = 0;     // held from the system: in_use and cached blocks
  int64_t allocations = 0;  // requests served since the start
  int64_t limit = 0;        // 0: none
};
MemoryStats memory_stats(Device device = default_device());
void reset_peak_memory(Device device = default_device());
// Requests that would exceed `bytes` in use throw OutOfMemoryError; 0 removes the limit.
void set_memory_limit(int64_t bytes, Device device = default_device());
// Returns cached blocks to the system.
void trim_memory(Device device = default_device());

}  // namespace nngpu

#endif  // NNGPU_DEVICE_H_
