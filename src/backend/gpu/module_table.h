/* What a GPU module offers, as a table of C functions: a module is built apart from the library and loaded at run
   time. No exception and no type of C++'s library crosses it. */
#ifndef NNGPU_BACKEND_GPU_MODULE_TABLE_H_
#define NNGPU_BACKEND_GPU_MODULE_TABLE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever the table or a meaning in it changes. */
#define NNGPU_MODULE_VERSION 5

/* What the functions return; error() tells more, in the thread that called. */
enum {
  NNGPU_MODULE_OK = 0,
  NNGPU_MODULE_OUT_OF_MEMORY = 1,
  NNGPU_MODULE_FAILED = 2,
  NNGPU_MODULE_UNSUPPORTED = 3
};

struct nngpu_module_properties {
  char name[256], architecture[64], detail[256];
  int64_t memory_bytes;
  uint32_t multiprocessors, max_threads, shared_bytes;
};

/* See nngpu::gpu::GemmEpilogue. */
enum {
  NNGPU_EPILOGUE_NONE = 0,
  NNGPU_EPILOGUE_BIAS = 1,
  NNGPU_EPILOGUE_RELU = 2,
  NNGPU_EPILOGUE_RELU_BIAS = 3,
  NNGPU_EPILOGUE_GELU_TANH = 4,
  NNGPU_EPILOGUE_GELU_TANH_BIAS = 5
};

/* A product of column-major matrices, batched: C = epilogue(A B + added), with op 0: as it is, 1: transposed. */
struct nngpu_module_gemm {
  int32_t dtype; /* nngpu::DType of all three; accumulation in f32 for the half types */
  int32_t op_a, op_b;
  int32_t tf32; /* f32 may be rounded to tf32 */
  int32_t epilogue;
  int32_t adds; /* whether there is `added`, laid out as c is */
  int64_t m, n, k, lda, ldb, ldc;
  int64_t batch, stride_a, stride_b, stride_c; /* elements */
  const void* a;
  const void* b;
  void* c;
  const void* bias; /* m elements */
  const void* added;
};

/* What the vendor's library does with one column-major matrix; see nngpu::gpu::Factorization. */
enum {
  NNGPU_FACTOR_LU = 0,
  NNGPU_FACTOR_CHOLESKY = 1,
  NNGPU_FACTOR_QR = 2,
  NNGPU_FORM_Q = 3,
  NNGPU_FACTOR_EIGH = 4,
  NNGPU_FACTOR_SVD = 5,
  NNGPU_SOLVE_TRIANGULAR = 6
};
struct nngpu_module_factorization {
  int32_t kind;
  int32_t dtype;                            /* nngpu::DType, f32 or f64 */
  int32_t vectors, upper, transposed, unit; /* flags */
  int64_t rows, columns;                    /* of a */
  int64_t lda, ldx, k;
  double tolerance;
  void* a;
  void* x;
  void* v;
  void* values;
  int64_t* pivots;
  int32_t* info; /* in the device's memory, as all of these */
};

/* A convolution; see nngpu::gpu::VendorConvolution. Of x, w, y the mode says which is computed. */
enum {
  NNGPU_CONVOLUTION_FORWARD = 0,
  NNGPU_CONVOLUTION_INPUT_GRADIENT = 1,
  NNGPU_CONVOLUTION_WEIGHT_GRADIENT = 2
};
struct nngpu_module_tensor {
  int64_t size[4], stride[4]; /* elements */
};
struct nngpu_module_convolution {
  int32_t mode;
  int32_t dtype; /* nngpu::DType of all three; accumulation in f32 for the half types */
  int32_t tf32;  /* f32 may be rounded to tf32 */
  int32_t unused;
  struct nngpu_module_tensor x, w, y;
  int64_t stride[2], dilation[2], low[2], high[2];
  void* x_data;
  void* w_data;
  void* y_data;
  void* workspace; /* of the size that plan_convolution said */
};

/* One step of a graph: what the function of the same name does alone. */
enum {
  NNGPU_STEP_LAUNCH = 0,
  NNGPU_STEP_COPY = 1,
  NNGPU_STEP_FILL_ZERO = 2,
  NNGPU_STEP_GEMM = 3,
  NNGPU_STEP_CONVOLUTION = 4
};
struct nngpu_module_step {
  int32_t kind;
  uint32_t blocks[3], threads[3];
  void* kernel;
  void** arguments; /* read before the call returns, as product and convolution are */
  void* to;
  const void* from;
  size_t bytes;
  const struct nngpu_module_gemm* product;
  const struct nngpu_module_convolution* convolution;
};

struct nngpu_module_table {
  uint32_t size, version;
  const char* build_id;
  const char* (*error)(void);
  int (*device_count)(int* count);
  int (*open)(int index, void** device);
  int (*properties)(void* device, struct nngpu_module_properties* out);
  int (*allocate)(void* device, size_t bytes, void** block);
  int (*free)(void* device, void* block);
  int (*trim)(void* device); /* returns what is free to the system */
  int (*upload)(void* device, void* to, const void* from, size_t bytes);
  int (*download)(void* device, void* to, const void* from, size_t bytes);
  int (*copy)(void* device, void* to, const void* from, size_t bytes);
  int (*fill_zero)(void* device, void* to, size_t bytes);
  int (*compile)(void* device, const char* text, const char* output_path);
  int (*load)(void* device, const char* path, void** module);
  int (*unload)(void* device, void* module);
  int (*find)(void* device, void* module, const char* name, void** kernel);
  int (*launch)(void* device, void* kernel, const uint32_t blocks[3], const uint32_t threads[3], void** arguments);
  int (*synchronize)(void* device);
  /* Chooses an algorithm for addresses that are multiples of 16; submits nothing. */
  int (*plan_gemm)(void* device, const struct nngpu_module_gemm* product);
  int (*gemm)(void* device, const struct nngpu_module_gemm* product);
  int (*factorize)(void* device, const struct nngpu_module_factorization* factorization);
  /* Steps in their order, submitted as one. UNSUPPORTED where the module makes no graphs. */
  int (*graph_make)(void* device, const struct nngpu_module_step* steps, size_t count, void** graph);
  int (*graph_set)(void* device, void* graph, size_t index, const struct nngpu_module_step* step);
  int (*graph_launch)(void* device, void* graph);
  int (*graph_free)(void* device, void* graph);
  /* Chooses an algorithm, which is kept, whatever the addresses; submits nothing. */
  int (*plan_convolution)(void* device, const struct nngpu_module_convolution* convolution,
                          size_t* workspace_bytes);
  int (*convolve)(void* device, const struct nngpu_module_convolution* convolution);
};

/* The module's one exported function. */
typedef const struct nngpu_module_table* (*nngpu_module_entry)(void);

#ifdef __cplusplus
}
#endif

#endif
