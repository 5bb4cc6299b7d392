#include "backend/cuda/cudnn_plan.h"

#include <algorithm>
#include <vector>

#include "nngpu/dtype.h"

// Handles are attributes of old versions of cuDNN 9, and deprecated in new ones.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace nngpu::cuda {
namespace {

using Convolution = nngpu_module_convolution;

constexpr int64_t kMostWorkspace = int64_t{1} << 30;
constexpr int64_t kAlignment = 16;  // of addresses

cudnnDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::F16:
      return CUDNN_DATA_HALF;
    case DType::BF16:
      return CUDNN_DATA_BFLOAT16;
    case DType::F64:
      return CUDNN_DATA_DOUBLE;
    default:
      return CUDNN_DATA_FLOAT;
  }
}

// The operation's kind and the names of its attributes.
struct Names {
  cudnnBackendDescriptorType_t operation;
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
};
Names names_of(int32_t mode) {
  switch (mode) {
    case NNGPU_CONVOLUTION_INPUT_GRADIENT:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case NNGPU_CONVOLUTION_WEIGHT_GRADIENT:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    default:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
  }
}

void describe(CudnnDescriptor& tensor, int64_t number, const nngpu_module_tensor& t, cudnnDataType_t type) {
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, t.size)
      .set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, t.stride)
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, number)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment)
      .finalize();
}

void describe(CudnnDescriptor& convolution, const Convolution& c, cudnnDataType_t compute) {
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, c.stride)
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, c.dilation)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, c.low)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, c.high)
      .finalize();
}

void set_scales(CudnnDescriptor& operation, const Names& names, DType dtype) {
  const float one = 1, zero = 0;
  const double wide_one = 1, wide_zero = 0;
  const bool wide = dtype == DType::F64;
  const auto type = wide ? CUDNN_TYPE_DOUBLE : CUDNN_TYPE_FLOAT;
  operation.set(names.alpha, type, 1, wide ? static_cast<const void*>(&wide_one) : &one)
      .set(names.beta, type, 1, wide ? static_cast<const void*>(&wide_zero) : &zero);
}

bool is_allowed(cudnnBackendNumericalNote_t note, DType dtype, bool tf32) {
  const bool half = dtype == DType::F16 || dtype == DType::BF16;
  switch (note) {
    case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
    case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
    case CUDNN_NUMERICAL_NOTE_FFT:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
      return false;
    case CUDNN_NUMERICAL_NOTE_WINOGRAD:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
      return !half;
    case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
    case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
      return dtype != DType::F32 || tf32;
    default:
      return true;
  }
}

bool is_allowed(const CudnnLibrary& library, const CudnnDescriptor& choice, DType dtype, bool tf32) {
  const CudnnDescriptor engine(library, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.raw();
  if (choice.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw) != 1) return false;
  std::vector<cudnnBackendNumericalNote_t> notes(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  const auto most = static_cast<int64_t>(notes.size());
  const int64_t count =
      engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, most, notes.data());
  return std::all_of(notes.begin(), notes.begin() + std::min(count, most),
                     [&](cudnnBackendNumericalNote_t note) { return is_allowed(note, dtype, tf32); });
}

// The choices of a heuristic, best first.
std::vector<std::unique_ptr<CudnnDescriptor>> choices(const CudnnLibrary& library, const CudnnDescriptor& graph,
                                                      cudnnBackendHeurMode_t mode) {
  CudnnDescriptor heuristic(library, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  std::vector<std::unique_ptr<CudnnDescriptor>> found;
  if (!heuristic.finalize()) return found;
  const int64_t count = heuristic.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int64_t i = 0; i < count; ++i) {
    found.push_back(std::make_unique<CudnnDescriptor>(library, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
    raw.push_back(found.back()->raw());
  }
  const int64_t filled =
      heuristic.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, raw.data());
  found.resize(static_cast<size_t>(std::min(count, filled)));
  return found;
}

CudnnPlan plan_of(const CudnnLibrary& library, cudnnHandle_t handle, const CudnnDescriptor& choice) {
  CudnnPlan result;
  auto plan = std::make_unique<CudnnDescriptor>(library, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan->set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle)
      .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, choice);
  if (!plan->finalize()) return result;
  plan->get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &result.workspace);
  if (result.workspace <= kMostWorkspace) result.plan = std::move(plan);
  return result;
}

}  // namespace

CudnnPlan plan_by_cudnn(const CudnnLibrary& library, cudnnHandle_t handle, const Convolution& c) {
  const auto dtype = static_cast<DType>(c.dtype);
  const Names names = names_of(c.mode);
  CudnnDescriptor x(library, CUDNN_BACKEND_TENSOR_DESCRIPTOR), w(library, CUDNN_BACKEND_TENSOR_DESCRIPTOR),
      y(library, CUDNN_BACKEND_TENSOR_DESCRIPTOR), windows(library, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR),
      operation(library, names.operation), graph(library, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  describe(x, kCudnnX, c.x, data_type(dtype));
  describe(w, kCudnnW, c.w, data_type(dtype));
  describe(y, kCudnnY, c.y, data_type(dtype));
  describe(windows, c, dtype == DType::F64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT);
  operation.set(names.x, x).set(names.w, w).set(names.y, y).set(names.convolution, windows);
  set_scales(operation, names, dtype);
  operation.finalize();
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation)
      .set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  if (!graph.finalize()) return {};
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
    for (const auto& choice : choices(library, graph, mode)) {
      if (!is_allowed(library, *choice, dtype, c.tf32 != 0)) continue;
      CudnnPlan plan = plan_of(library, handle, *choice);
      if (plan.plan != nullptr) return plan;
    }
  return {};
}

}  // namespace nngpu::cuda
