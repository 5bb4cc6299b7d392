#include "backend/cuda/graph.h"

#include <cuda.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "backend/cuda/check.h"
#include "backend/cuda/convolution.h"
#include "backend/cuda/gemm.h"
#include "backend/gpu/module_table.h"

namespace nngpu::cuda {
namespace {

// The graph stays: its nodes name those of the executable one.
struct Graph {
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  std::vector<CUgraphNode> nodes;  // an entry a step
  ~Graph() {
    if (executable != nullptr) cuGraphExecDestroy(executable);  // after its last launch has run
    if (graph != nullptr) cuGraphDestroy(graph);
  }
};

bool is_set(const char* name, const char* value) {
  const char* setting = std::getenv(name);
  return setting != nullptr && std::strcmp(setting, value) == 0;
}

bool is_off() {
  static const bool off = is_set("NNGPU_CUDA_GRAPHS", "0") || is_set("NNGPU_CUDA_SYNC", "1");
  return off;
}

CUDA_KERNEL_NODE_PARAMS kernel_of(const nngpu_module_step& step) {
  CUDA_KERNEL_NODE_PARAMS kernel{};
  kernel.func = static_cast<CUfunction>(step.kernel);
  kernel.gridDimX = step.blocks[0];
  kernel.gridDimY = step.blocks[1];
  kernel.gridDimZ = step.blocks[2];
  kernel.blockDimX = step.threads[0];
  kernel.blockDimY = step.threads[1];
  kernel.blockDimZ = step.threads[2];
  kernel.kernelParams = step.arguments;
  return kernel;
}

CUDA_MEMCPY3D copy_of(const nngpu_module_step& step) {
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = reinterpret_cast<CUdeviceptr>(step.from);
  copy.srcPitch = step.bytes;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = reinterpret_cast<CUdeviceptr>(step.to);
  copy.dstPitch = step.bytes;
  copy.WidthInBytes = step.bytes;
  copy.Height = 1;
  copy.Depth = 1;
  return copy;
}

CUDA_MEMSET_NODE_PARAMS zero_of(const nngpu_module_step& step) {
  CUDA_MEMSET_NODE_PARAMS zero{};
  zero.dst = reinterpret_cast<CUdeviceptr>(step.to);
  zero.elementSize = 1;
  zero.width = step.bytes;
  zero.height = 1;
  return zero;
}

// Pitches have 31 bits.
bool is_supported(const nngpu_module_step& step) {
  return step.kind != NNGPU_STEP_COPY || step.bytes <= static_cast<size_t>(INT_MAX);
}

bool is_empty(const nngpu_module_step& step) {
  return (step.kind == NNGPU_STEP_COPY || step.kind == NNGPU_STEP_FILL_ZERO) && step.bytes == 0;
}

// What cuBLASLt or cuDNN submits for a product or a convolution.
int capture_call(Device& device, const nngpu_module_step& step, CUgraph* captured) {
  std::lock_guard lock(device.capture_mutex);
  if (device.capture_stream == nullptr) NNGPU_CUDA(cuStreamCreate(&device.capture_stream, CU_STREAM_NON_BLOCKING));
  // Relaxed: other threads, and this one, may allocate and wait meanwhile.
  NNGPU_CUDA(cuStreamBeginCapture(device.capture_stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  const int code = step.kind == NNGPU_STEP_CONVOLUTION
                       ? submit_convolution(device, *step.convolution, device.capture_stream)
                       : submit_gemm(device, *step.product, device.capture_stream);
  const CUresult ended = cuStreamEndCapture(device.capture_stream, captured);
  if (code == NNGPU_MODULE_OK && ended == CUDA_SUCCESS) return NNGPU_MODULE_OK;
  if (ended == CUDA_SUCCESS && *captured != nullptr) cuGraphDestroy(*captured);
  return code != NNGPU_MODULE_OK ? code : failed(ended, "cuStreamEndCapture");
}

int add_node(Device& device, Graph& graph, const nngpu_module_step& step) {
  CUgraphNode node = nullptr;
  const CUgraphNode* before = graph.nodes.empty() ? nullptr : &graph.nodes.back();
  const size_t count = graph.nodes.empty() ? 0 : 1;
  if (is_empty(step)) {
    NNGPU_CUDA(cuGraphAddEmptyNode(&node, graph.graph, before, count));
  } else if (step.kind == NNGPU_STEP_LAUNCH) {
    const CUDA_KERNEL_NODE_PARAMS kernel = kernel_of(step);
    NNGPU_CUDA(cuGraphAddKernelNode(&node, graph.graph, before, count, &kernel));
  } else if (step.kind == NNGPU_STEP_COPY) {
    const CUDA_MEMCPY3D copy = copy_of(step);
    NNGPU_CUDA(cuGraphAddMemcpyNode(&node, graph.graph, before, count, &copy, device.context));
  } else if (step.kind == NNGPU_STEP_FILL_ZERO) {
    const CUDA_MEMSET_NODE_PARAMS zero = zero_of(step);
    NNGPU_CUDA(cuGraphAddMemsetNode(&node, graph.graph, before, count, &zero, device.context));
  } else {
    CUgraph call = nullptr;
    NNGPU_CODE(capture_call(device, step, &call));
    const CUresult result = cuGraphAddChildGraphNode(&node, graph.graph, before, count, call);
    cuGraphDestroy(call);  // the node has a copy
    if (result != CUDA_SUCCESS) return failed(result, "cuGraphAddChildGraphNode");
  }
  graph.nodes.push_back(node);
  return NNGPU_MODULE_OK;
}

}  // namespace

int make_graph(void* handle, const nngpu_module_step* steps, size_t count, void** result) {
  if (is_off()) return NNGPU_MODULE_UNSUPPORTED;
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  auto graph = std::make_unique<Graph>();
  NNGPU_CUDA(cuGraphCreate(&graph->graph, 0));
  for (size_t i = 0; i < count; ++i) {
    if (!is_supported(steps[i])) return NNGPU_MODULE_UNSUPPORTED;
    NNGPU_CODE(add_node(device, *graph, steps[i]));
  }
  NNGPU_CUDA(cuGraphInstantiate(&graph->executable, graph->graph, 0));
  *result = graph.release();
  return NNGPU_MODULE_OK;
}

int set_graph_step(void* handle, void* made, size_t index, const nngpu_module_step* step) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  Graph& graph = *static_cast<Graph*>(made);
  const CUgraphNode node = graph.nodes[index];
  if (is_empty(*step)) return NNGPU_MODULE_OK;
  if (step->kind == NNGPU_STEP_LAUNCH) {
    const CUDA_KERNEL_NODE_PARAMS kernel = kernel_of(*step);
    NNGPU_CUDA(cuGraphExecKernelNodeSetParams(graph.executable, node, &kernel));
  } else if (step->kind == NNGPU_STEP_COPY) {
    const CUDA_MEMCPY3D copy = copy_of(*step);
    NNGPU_CUDA(cuGraphExecMemcpyNodeSetParams(graph.executable, node, &copy, device.context));
  } else if (step->kind == NNGPU_STEP_FILL_ZERO) {
    const CUDA_MEMSET_NODE_PARAMS zero = zero_of(*step);
    NNGPU_CUDA(cuGraphExecMemsetNodeSetParams(graph.executable, node, &zero, device.context));
  } else {
    CUgraph call = nullptr;
    NNGPU_CODE(capture_call(device, *step, &call));
    const CUresult result = cuGraphExecChildGraphNodeSetParams(graph.executable, node, call);
    cuGraphDestroy(call);
    if (result != CUDA_SUCCESS) return failed(result, "cuGraphExecChildGraphNodeSetParams");
  }
  return NNGPU_MODULE_OK;
}

int launch_graph(void* handle, void* made) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  NNGPU_CUDA(cuGraphLaunch(static_cast<Graph*>(made)->executable, device.stream));
  return NNGPU_MODULE_OK;
}

int free_graph(void* handle, void* made) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  delete static_cast<Graph*>(made);
  return NNGPU_MODULE_OK;
}

}  // namespace nngpu::cuda
