// What `nngpu devices` says of the processor.
#include <hwy/highway.h>
#include <unistd.h>

#include <fstream>
#include <string>

#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include "backend/cpu/backend.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

std::string processor_name() {
#if defined(__APPLE__)
  char name[256];
  size_t size = sizeof(name);
  if (sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0) == 0) return name;
#else
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (line.rfind("model name", 0) == 0 && colon + 2 <= line.size()) return line.substr(colon + 2);
  }
#endif
  return "CPU";
}

int64_t memory_bytes() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

DeviceInfo describe() {
  DeviceInfo info;
  info.device = {DeviceType::CPU, 0};
  info.available = true;
  info.name = processor_name();
  const int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  const int64_t best = supported & -supported;  // Highway numbers better targets lower
  info.detail = std::string(hwy::TargetName(best)) + " kernels, " + blas_name() + ", " +
                std::to_string(num_threads()) + (num_threads() == 1 ? " thread" : " threads");
  info.memory_bytes = memory_bytes();
  return info;
}

}  // namespace nngpu::cpu
