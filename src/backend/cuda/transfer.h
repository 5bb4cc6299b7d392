// Copies between the host and the device.
#ifndef NNGPU_BACKEND_CUDA_TRANSFER_H_
#define NNGPU_BACKEND_CUDA_TRANSFER_H_

#include <cstddef>

namespace nngpu::cuda {

// Of the module's table. The host's memory is free when upload() returns, and filled when download() does.
// Pageable memory goes through pinned chunks: small uploads are queued and not waited for; large copies are cut
// into chunks, which a few threads fill or empty while others are on their way.
int upload(void* handle, void* to, const void* from, size_t bytes);
int download(void* handle, void* to, const void* from, size_t bytes);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_TRANSFER_H_
