#include "backend/cuda/cudnn_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace nngpu::cuda {
namespace {

std::unique_ptr<CudnnLibrary> load() {
  const char* setting = std::getenv("NNGPU_CUDNN");
  if (setting != nullptr && std::strcmp(setting, "0") == 0) return nullptr;
  const bool named = setting != nullptr && std::strchr(setting, '/') != nullptr;
  const std::string file = named ? setting : "libcudnn.so." + std::to_string(CUDNN_MAJOR);
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return nullptr;
  auto library = std::make_unique<CudnnLibrary>();
  bool found = true;
  const auto find = [&]<class F>(F& function, const char* name) {
    function = reinterpret_cast<F>(dlsym(handle, name));
    found = found && function != nullptr;
  };
  find(library->create, "cudnnCreate");
  find(library->set_stream, "cudnnSetStream");
  find(library->error_string, "cudnnGetErrorString");
  find(library->last_error_string, "cudnnGetLastErrorString");
  find(library->create_descriptor, "cudnnBackendCreateDescriptor");
  find(library->destroy_descriptor, "cudnnBackendDestroyDescriptor");
  find(library->finalize, "cudnnBackendFinalize");
  find(library->set_attribute, "cudnnBackendSetAttribute");
  find(library->get_attribute, "cudnnBackendGetAttribute");
  find(library->execute, "cudnnBackendExecute");
  return found ? std::move(library) : nullptr;
}

}  // namespace

const CudnnLibrary* cudnn_library() {
  static const CudnnLibrary* library = load().release();  // never unloaded
  return library;
}

std::string CudnnLibrary::describe(cudnnStatus_t status) const {
  char text[512] = "";
  last_error_string(text, sizeof(text));
  return std::string(error_string(status)) + (text[0] != '\0' ? std::string(": ") + text : "");
}

CudnnDescriptor::CudnnDescriptor(const CudnnLibrary& library, cudnnBackendDescriptorType_t type)
    : library_(library), status_(library.create_descriptor(type, &descriptor_)) {}

CudnnDescriptor::~CudnnDescriptor() {
  if (descriptor_ != nullptr) library_.destroy_descriptor(descriptor_);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                      int64_t count, const void* values) {
  if (status_ == CUDNN_STATUS_SUCCESS) status_ = library_.set_attribute(descriptor_, name, type, count, values);
  return *this;
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, int64_t value) {
  return set(name, CUDNN_TYPE_INT64, 1, &value);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, const CudnnDescriptor& other) {
  if (status_ == CUDNN_STATUS_SUCCESS) status_ = other.status_;
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other.descriptor_);
}

bool CudnnDescriptor::finalize() {
  if (status_ == CUDNN_STATUS_SUCCESS) status_ = library_.finalize(descriptor_);
  return status_ == CUDNN_STATUS_SUCCESS;
}

int64_t CudnnDescriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t most,
                             void* values) const {
  int64_t count = 0;
  const cudnnStatus_t status = library_.get_attribute(descriptor_, name, type, most, &count, values);
  return status == CUDNN_STATUS_SUCCESS ? count : 0;
}

}  // namespace nngpu::cuda
