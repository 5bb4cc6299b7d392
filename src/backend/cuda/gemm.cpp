#include "backend/cuda/gemm.h"

#include "backend/cuda/context.h"
#include "backend/gpu/module_table.h"
#include "nngpu/dtype.h"

namespace nngpu::cuda {
namespace {

struct Types {
  cudaDataType_t data;
  cudaDataType_t scale;
  cublasComputeType_t compute;
  bool supported;
};

Types types_of(DType dtype, bool tf32) {
  switch (dtype) {
    case DType::F16:
      return {CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F, true};
    case DType::BF16:
      return {CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F, true};
    case DType::F32:
      return {CUDA_R_32F, CUDA_R_32F, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, true};
    case DType::F64:
      return {CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F, true};
    default:
      return {CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, false};
  }
}

cublasLtEpilogue_t epilogue_of(int32_t epilogue) {
  switch (epilogue) {
    case NNGPU_EPILOGUE_BIAS:
      return CUBLASLT_EPILOGUE_BIAS;
    case NNGPU_EPILOGUE_RELU:
      return CUBLASLT_EPILOGUE_RELU;
    case NNGPU_EPILOGUE_RELU_BIAS:
      return CUBLASLT_EPILOGUE_RELU_BIAS;
    case NNGPU_EPILOGUE_GELU_TANH:
      return CUBLASLT_EPILOGUE_GELU;
    case NNGPU_EPILOGUE_GELU_TANH_BIAS:
      return CUBLASLT_EPILOGUE_GELU_BIAS;
    default:
      return CUBLASLT_EPILOGUE_DEFAULT;
  }
}

bool has_bias(int32_t epilogue) {
  return epilogue == NNGPU_EPILOGUE_BIAS || epilogue == NNGPU_EPILOGUE_RELU_BIAS ||
         epilogue == NNGPU_EPILOGUE_GELU_TANH_BIAS;
}

// cuBLASLt's descriptions of one product.
class Descriptions {
 public:
  ~Descriptions() {
    if (preference_ != nullptr) cublasLtMatmulPreferenceDestroy(preference_);
    for (cublasLtMatrixLayout_t layout : layouts)
      if (layout != nullptr) cublasLtMatrixLayoutDestroy(layout);
    if (operation != nullptr) cublasLtMatmulDescDestroy(operation);
  }

  bool describe(const nngpu_module_gemm& g, const Types& types) {
    const cublasOperation_t a = g.op_a != 0 ? CUBLAS_OP_T : CUBLAS_OP_N,
                            b = g.op_b != 0 ? CUBLAS_OP_T : CUBLAS_OP_N;
    return cublasLtMatmulDescCreate(&operation, types.compute, types.scale) == CUBLAS_STATUS_SUCCESS &&
           cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof(a)) ==
               CUBLAS_STATUS_SUCCESS &&
           cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof(b)) ==
               CUBLAS_STATUS_SUCCESS &&
           describe_epilogue(g) &&
           layout(0, types.data, g.op_a != 0 ? g.k : g.m, g.op_a != 0 ? g.m : g.k, g.lda, g.batch, g.stride_a) &&
           layout(1, types.data, g.op_b != 0 ? g.n : g.k, g.op_b != 0 ? g.k : g.n, g.ldb, g.batch, g.stride_b) &&
           layout(2, types.data, g.m, g.n, g.ldc, g.batch, g.stride_c);
  }

  bool choose(cublasLtHandle_t handle, GemmChoice& choice) {
    const size_t workspace = kGemmWorkspace;
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    const bool done =
        cublasLtMatmulPreferenceCreate(&preference_) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulPreferenceSetAttribute(preference_, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                                             sizeof(workspace)) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulAlgoGetHeuristic(handle, operation, layouts[0], layouts[1], layouts[2], layouts[2],
                                       preference_, 1, &result, &found) == CUBLAS_STATUS_SUCCESS;
    choice.found = done && found > 0;
    choice.algorithm = result.algo;
    return choice.found;
  }

  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t layouts[3] = {};

 private:
  bool describe_epilogue(const nngpu_module_gemm& g) {
    if (g.epilogue == NNGPU_EPILOGUE_NONE) return true;
    const cublasLtEpilogue_t epilogue = epilogue_of(g.epilogue);
    return cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof(epilogue)) ==
               CUBLAS_STATUS_SUCCESS &&
           (!has_bias(g.epilogue) ||
            cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &g.bias,
                                           sizeof(g.bias)) == CUBLAS_STATUS_SUCCESS);
  }

  bool layout(int i, cudaDataType_t type, int64_t rows, int64_t columns, int64_t ld, int64_t batch,
              int64_t stride) {
    const auto count = static_cast<int32_t>(batch);
    return cublasLtMatrixLayoutCreate(&layouts[i], type, static_cast<uint64_t>(rows),
                                      static_cast<uint64_t>(columns), ld) == CUBLAS_STATUS_SUCCESS &&
           cublasLtMatrixLayoutSetAttribute(layouts[i], CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                            sizeof(count)) == CUBLAS_STATUS_SUCCESS &&
           cublasLtMatrixLayoutSetAttribute(layouts[i], CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                            sizeof(stride)) == CUBLAS_STATUS_SUCCESS;
  }
  cublasLtMatmulPreference_t preference_ = nullptr;
};

// What the choice of an algorithm depends on. Alignment counts too: it decides how operands can be read.
std::string key_of(const nngpu_module_gemm& g) {
  nngpu_module_gemm key = g;
  const auto alignment = [](const void* p) {
    return reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) % 16);
  };
  key.a = alignment(g.a);
  key.b = alignment(g.b);
  key.c = const_cast<void*>(alignment(g.c));
  key.bias = alignment(g.bias);
  key.added = alignment(g.added);
  return {reinterpret_cast<const char*>(&key), sizeof(key)};
}

int prepare(Device& device) {
  if (device.blas != nullptr) return NNGPU_MODULE_OK;
  if (cublasLtCreate(&device.blas) != CUBLAS_STATUS_SUCCESS) return failed("cublasLtCreate");
  const CUresult result = cuMemAlloc(&device.workspace, kGemmWorkspace);
  return result == CUDA_SUCCESS ? NNGPU_MODULE_OK : failed(result, "the products' workspace");
}

// The algorithm for a product; null where there is none. The device's mutex is held.
const GemmChoice* choice_of(Device& device, const nngpu_module_gemm& product, Descriptions& descriptions,
                            const Types& types) {
  if (!descriptions.describe(product, types)) return nullptr;
  GemmChoice& choice = device.gemm_choices[key_of(product)];
  return choice.found || descriptions.choose(device.blas, choice) ? &choice : nullptr;
}

}  // namespace

int plan_gemm(void* handle, const nngpu_module_gemm* product) {
  Device& device = device_of(handle);
  if (const CUresult result = enter(device); result != CUDA_SUCCESS) return failed(result, "cuCtxSetCurrent");
  const Types types = types_of(static_cast<DType>(product->dtype), product->tf32 != 0);
  if (!types.supported || product->batch > INT32_MAX) return NNGPU_MODULE_UNSUPPORTED;
  std::lock_guard lock(device.gemm_mutex);
  if (const int code = prepare(device); code != NNGPU_MODULE_OK) return code;
  Descriptions descriptions;
  // The library looks at the bias' address: any that is a multiple of 16 will do.
  nngpu_module_gemm planned = *product;
  if (has_bias(planned.epilogue)) planned.bias = reinterpret_cast<const void*>(device.workspace);
  return choice_of(device, planned, descriptions, types) != nullptr ? NNGPU_MODULE_OK : NNGPU_MODULE_UNSUPPORTED;
}

int run_gemm(void* handle, const nngpu_module_gemm* product) {
  Device& device = device_of(handle);
  if (const CUresult result = enter(device); result != CUDA_SUCCESS) return failed(result, "cuCtxSetCurrent");
  return submit_gemm(device, *product, device.stream);
}

int submit_gemm(Device& device, const nngpu_module_gemm& product, CUstream stream) {
  const Types types = types_of(static_cast<DType>(product.dtype), product.tf32 != 0);
  if (!types.supported || product.batch > INT32_MAX) return NNGPU_MODULE_UNSUPPORTED;
  std::lock_guard lock(device.gemm_mutex);
  if (const int code = prepare(device); code != NNGPU_MODULE_OK) return code;
  Descriptions descriptions;
  const GemmChoice* choice = choice_of(device, product, descriptions, types);
  if (choice == nullptr) return NNGPU_MODULE_UNSUPPORTED;
  const float one = 1, beta = product.adds != 0 ? 1 : 0;
  const double one_double = 1, beta_double = beta;
  const bool wide = types.scale == CUDA_R_64F;
  const cublasStatus_t status = cublasLtMatmul(
      device.blas, descriptions.operation, wide ? static_cast<const void*>(&one_double) : &one, product.a,
      descriptions.layouts[0], product.b, descriptions.layouts[1],
      wide ? static_cast<const void*>(&beta_double) : &beta, product.adds != 0 ? product.added : product.c,
      descriptions.layouts[2], product.c, descriptions.layouts[2], &choice->algorithm,
      reinterpret_cast<void*>(device.workspace), kGemmWorkspace, stream);
  if (status != CUBLAS_STATUS_SUCCESS)
    return failed(std::string("cublasLtMatmul: ") + cublasLtGetStatusString(status));
  return NNGPU_MODULE_OK;
}

}  // namespace nngpu::cuda
