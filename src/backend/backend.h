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
  // Runs one launch. Value errors go to context.failures; anything else throws.
  virtual void run(const graph::Launch& launch, const graph::RunContext& context) = 0;
  // Waits for everything submitted.
  virtual void synchronize() = 0;
  virtual bool host_addressable() const = 0;  // the host may read and write the pool's memory
};

// The backend of a device. Throws DeviceError if it is not usable.
Backend& backend_for(Device device);

}  // namespace nngpu

#endif  // NNGPU_BACKEND_BACKEND_H_
