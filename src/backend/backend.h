// What a backend implements: memory, and the launches.
#ifndef NNGPU_BACKEND_BACKEND_H_
#define NNGPU_BACKEND_BACKEND_H_

#include <memory>
#include <span>
#include <vector>

#include "graph/launch.h"
#include "nngpu/device.h"

namespace nngpu {

class MemoryPool;

// The memory and the numbers of one run of a plan: an entry a slot.
struct RunMemory {
  std::span<char* const> addresses;  // RunContext::slots
  std::span<Buffer* const> buffers;  // what an address lies in; null: a number, or nothing
  std::span<const int64_t> numbers;  // what the addresses of numbers point to; 0 beyond their bytes
};

// The work that one run of a plan's launches submitted, to be submitted again for other memory and other numbers
// without running the launches. Thread-safe.
class Recording {
 public:
  virtual ~Recording() = default;
  // Submits the work, and appends the run's checks in the order of the first run's; false, with nothing done,
  // where it does not fit.
  virtual bool replay(const RunMemory& memory, std::vector<graph::Check>& checks) = 0;
};

// Records what this thread's launches submit, from when it is made to its end.
class Recorder {
 public:
  virtual ~Recorder() = default;
  // `launch` has run.
  virtual void launched(const graph::Launch& launch) = 0;
  // All have; `checks` are theirs. Null where something cannot be submitted again.
  virtual std::unique_ptr<Recording> finish(const std::vector<graph::Check>& checks) = 0;
};

// A product, and an elementwise chain that could run over its result in the same launch (graph/plan_chain.cpp).
struct ChainOffer {
  const graph::Launch& product;
  const graph::Launch* before;  // a chain that the product has taken already, or null
  const graph::Launch& chain;
  bool only_reader;  // nothing else reads the product's own result
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Device device() const = 0;
  virtual MemoryPool& pool() = 0;
  // Whether a convolution, whose result has no place yet, is faster if its planes have their channels last. Its
  // result may then be laid out so.
  virtual bool prefers_channels_last(const graph::Launch& /*convolution*/) { return false; }
  // Called once when a launch is planned: may fill launch.prepared.
  virtual void prepare(graph::Launch& launch) = 0;
  // Asked while a plan is made: whether the launch of a product computes an elementwise chain over its result,
  // too.
  virtual bool takes_chain(const ChainOffer&) { return false; }
  // Runs or submits one launch. Value errors go to context.failures at once, or are left to context.checks, which
  // whoever reads a result calls; anything else throws.
  virtual void run(const graph::Launch& launch, const graph::RunContext& context) = 0;
  // Whether the backend records runs; then record() starts to.
  virtual bool records() const { return false; }
  virtual std::unique_ptr<Recorder> record(const RunMemory&) { return nullptr; }
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
