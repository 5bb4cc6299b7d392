// cuDNN's graph interface, from a library that is loaded when a convolution first asks for it.
#ifndef NNGPU_BACKEND_CUDA_CUDNN_LIBRARY_H_
#define NNGPU_BACKEND_CUDA_CUDNN_LIBRARY_H_

#include <cudnn_graph.h>

#include <string>

namespace nngpu::cuda {

struct CudnnLibrary {
  decltype(&cudnnCreate) create;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnGetErrorString) error_string;
  decltype(&cudnnGetLastErrorString) last_error_string;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendExecute) execute;

  // What a status means, with the last error's text.
  std::string describe(cudnnStatus_t status) const;
};

// Null where there is no cuDNN of the version that this was compiled for, or NNGPU_CUDNN is 0. NNGPU_CUDNN may
// also name the library's file.
const CudnnLibrary* cudnn_library();

// A descriptor of cuDNN's. The first call that fails decides its status, and later calls do nothing.
class CudnnDescriptor {
 public:
  CudnnDescriptor(const CudnnLibrary& library, cudnnBackendDescriptorType_t type);
  ~CudnnDescriptor();
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(const CudnnDescriptor&) = delete;

  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                       const void* values);
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, int64_t value);
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, const CudnnDescriptor& other);
  // False if this call or one before it failed.
  bool finalize();
  // How many values there are; at most `most` of them are written. Nothing where there is an error.
  int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t most,
              void* values) const;

  cudnnBackendDescriptor_t raw() const { return descriptor_; }
  cudnnStatus_t status() const { return status_; }

 private:
  const CudnnLibrary& library_;
  cudnnBackendDescriptor_t descriptor_ = nullptr;
  cudnnStatus_t status_;
};

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_CUDNN_LIBRARY_H_
