// The module for NVIDIA GPUs: the table of module_table.h on CUDA's driver interface and NVRTC.
#include <cuda.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "backend/cuda/check.h"
#include "backend/cuda/convolution.h"
#include "backend/cuda/gemm.h"
#include "backend/cuda/graph.h"
#include "backend/cuda/memory.h"
#include "backend/cuda/nvrtc.h"
#include "backend/cuda/solver.h"
#include "backend/cuda/transfer.h"
#include "backend/gpu/module_table.h"

namespace nngpu::cuda {
namespace {

thread_local std::string message;
thread_local Device* entered = nullptr;

}  // namespace

int failed(const std::string& text) {
  message = text;
  return NNGPU_MODULE_FAILED;
}

int failed(CUresult result, const char* call) {
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  message = std::string(call) + ": " + (text != nullptr ? text : "unknown error") + " (" +
            (name != nullptr ? name : "?") + ")";
  return result == CUDA_ERROR_OUT_OF_MEMORY ? NNGPU_MODULE_OUT_OF_MEMORY : NNGPU_MODULE_FAILED;
}

const std::string& last_message() { return message; }

int failed_again(int code, const std::string& text) {
  message = text;
  return code;
}

CUresult enter(Device& device) {
  if (entered == &device) return CUDA_SUCCESS;
  const CUresult result = cuCtxSetCurrent(device.context);
  if (result == CUDA_SUCCESS) entered = &device;
  return result;
}

namespace {

const char* error() { return message.c_str(); }

int device_count(int* count) {
  *count = 0;
  NNGPU_CUDA(cuInit(0));
  NNGPU_CUDA(cuDeviceGetCount(count));
  return NNGPU_MODULE_OK;
}

int open(int index, void** handle) {
  auto device = new Device;
  *handle = device;  // never closed: tensors may outlive static destructors
  NNGPU_CUDA(cuDeviceGet(&device->device, index));
  NNGPU_CUDA(cuDevicePrimaryCtxRetain(&device->context, device->device));
  NNGPU_CUDA(enter(*device));
  NNGPU_CUDA(cuStreamCreate(&device->stream, CU_STREAM_NON_BLOCKING));
  NNGPU_CUDA(cuDeviceGetAttribute(&device->major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device->device));
  NNGPU_CUDA(cuDeviceGetAttribute(&device->minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device->device));
  return open_memory(*device);
}

int properties(void* handle, nngpu_module_properties* out) {
  Device& device = device_of(handle);
  NNGPU_CUDA(cuDeviceGetName(out->name, sizeof(out->name), device.device));
  size_t bytes = 0;
  NNGPU_CUDA(cuDeviceTotalMem(&bytes, device.device));
  out->memory_bytes = static_cast<int64_t>(bytes);
  int value = 0, driver = 0;
  const auto attribute = [&](CUdevice_attribute which) {
    cuDeviceGetAttribute(&value, which, device.device);
    return static_cast<uint32_t>(value);
  };
  out->multiprocessors = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  out->max_threads = attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  out->shared_bytes = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK);
  NNGPU_CUDA(cuDriverGetVersion(&driver));
  std::snprintf(out->architecture, sizeof(out->architecture), "%s",
                architecture_name(device.major, device.minor).c_str());
  std::snprintf(out->detail, sizeof(out->detail),
                "compute capability %d.%d, %u multiprocessors, driver for CUDA %d.%d", device.major, device.minor,
                out->multiprocessors, driver / 1000, driver % 1000 / 10);
  return NNGPU_MODULE_OK;
}

int copy(void* handle, void* to, const void* from, size_t bytes) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  NNGPU_CUDA(cuMemcpyDtoDAsync(address(to), address(from), bytes, device.stream));
  return NNGPU_MODULE_OK;
}

int fill_zero(void* handle, void* to, size_t bytes) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  NNGPU_CUDA(cuMemsetD8Async(address(to), 0, bytes, device.stream));
  return NNGPU_MODULE_OK;
}

int compile(void* handle, const char* text, const char* output_path) {
  const Device& device = device_of(handle);
  const std::string problem = compile_text(text, device.major, device.minor, output_path);
  return problem.empty() ? NNGPU_MODULE_OK : failed(problem);
}

int load(void* handle, const char* path, void** module) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  CUmodule loaded = nullptr;
  NNGPU_CUDA(cuModuleLoad(&loaded, path));
  *module = loaded;
  return NNGPU_MODULE_OK;
}

int unload(void* handle, void* module) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  NNGPU_CUDA(cuModuleUnload(static_cast<CUmodule>(module)));
  return NNGPU_MODULE_OK;
}

int find(void* handle, void* module, const char* name, void** kernel) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  CUfunction function = nullptr;
  NNGPU_CUDA(cuModuleGetFunction(&function, static_cast<CUmodule>(module), name));
  *kernel = function;
  return NNGPU_MODULE_OK;
}

// NNGPU_CUDA_SYNC=1 waits after each kernel, so that an error is reported by the launch that caused it.
bool waits_for_each() {
  static const bool value = [] {
    const char* setting = std::getenv("NNGPU_CUDA_SYNC");
    return setting != nullptr && std::strcmp(setting, "1") == 0;
  }();
  return value;
}

int launch(void* handle, void* kernel, const uint32_t blocks[3], const uint32_t threads[3], void** arguments) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  NNGPU_CUDA(cuLaunchKernel(static_cast<CUfunction>(kernel), blocks[0], blocks[1], blocks[2], threads[0],
                            threads[1], threads[2], 0, device.stream, arguments, nullptr));
  if (waits_for_each()) NNGPU_CUDA(cuStreamSynchronize(device.stream));
  return NNGPU_MODULE_OK;
}

int synchronize(void* handle) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  NNGPU_CUDA(cuStreamSynchronize(device.stream));
  return NNGPU_MODULE_OK;
}

constexpr nngpu_module_table kTable = {
    sizeof(nngpu_module_table),
    NNGPU_MODULE_VERSION,
    NNGPU_VERSION,
    error,
    device_count,
    open,
    properties,
    allocate,
    free,
    trim,
    upload,
    download,
    copy,
    fill_zero,
    compile,
    load,
    unload,
    find,
    launch,
    synchronize,
    plan_gemm,
    run_gemm,
    run_factorization,
    make_graph,
    set_graph_step,
    launch_graph,
    free_graph,
    plan_convolution,
    run_convolution,
};

}  // namespace
}  // namespace nngpu::cuda

extern "C" const nngpu_module_table* nngpu_module() { return &nngpu::cuda::kTable; }
