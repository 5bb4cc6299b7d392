// nngpu_build_kernels FOLDER ARCHITECTURE...: compiles the kernels that most programs need, for devices such as
// sm_90, into files that the library finds beside itself (backend/gpu/installed.h). Needs NVRTC, and neither a
// driver nor a device.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "backend/cuda/ahead/dry_runtime.h"
#include "backend/cuda/ahead/samples.h"
#include "backend/gpu/devices.h"
#include "nngpu/error.h"

namespace {

int number_of(const std::string& architecture) {
  if (architecture.rfind("sm_", 0) != 0 || architecture.size() < 5)
    throw nngpu::ValueError("[build_kernels] an architecture is written as sm_90, not " + architecture);
  return std::atoi(architecture.c_str() + 3);
}

void build(int index, const std::string& architecture) {
  const int number = number_of(architecture);
  const nngpu::Device device{nngpu::DeviceType::CUDA, index};
  auto& backend = nngpu::gpu::use_runtime(device, nngpu::cuda::make_dry_runtime(number / 10, number % 10));
  nngpu::set_default_device(device);
  nngpu::cuda::run_samples();
  nngpu::cuda::run_quickstart();
  const auto stats = backend.library().stats();
  std::printf("%s: %lld kernel texts compiled, %.1f s in all threads\n", architecture.c_str(),
              static_cast<long long>(stats.compiled), stats.compile_seconds);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: %s FOLDER ARCHITECTURE...\n", arguments[0]);
    return 2;
  }
  try {
    std::filesystem::remove_all(arguments[1]);  // of older texts
    setenv("NNGPU_CACHE_DIR", std::filesystem::absolute(arguments[1]).c_str(), 1);
    setenv("NNGPU_KERNEL_DIR", "", 1);
    for (int i = 2; i < count; ++i) build(i - 2, arguments[i]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
