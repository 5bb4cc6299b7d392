// What a backend implements: memory, and the launches.
#ifndef NNGPU_BACKEND_BACKEND_H_
#define NNGPU_BACKEND_BACKEND_H_

#include "graph/launch.h"
#include "nngpu/device.h"

namespace nngpu {

class MemoryPool;

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Device device() const = 0;
  virtual MemoryPool& pool() = 0;
  // Called once when a launch is planned: may fill launch.prepared.
  virtual void prepare(graph::Launch& launch) = 0;
  // Runs or submits one launch. Value errors go to context.failures, at once or from context.checks, which are
  // called when all launches of the plan have been submitted; anything else throws.
  virtual void run(const graph::Launch& launch, const graph::RunContext& context) = 0;
  // Waits for everything submitted.
  virtual void synchronize() = 0;
  virtual bool host_addressable() const = 0;  // the host may read and write the pool's memory
  // Bytes between the host and the pool's memory, in order with the launches. The host's memory is free again, or
  // filled, when they return.
  virtual void upload(char* to, const void* from, size_t bytes) = 0;
  virtual void download(void* to, const char* from, size_t bytes) = 0;
};

// The backend of a device. Throws DeviceError if it is not usable.
Backend& backend_for(Device device);

}  // namespace nngpu

#endif  // NNGPU_BACKEND_BACKEND_H_
