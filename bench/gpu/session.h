// One case made ready on a device: inputs uploaded, kernels compiled, and then timed as often as one likes.
#ifndef NNGPU_BENCH_GPU_SESSION_H_
#define NNGPU_BENCH_GPU_SESSION_H_

#include <string>
#include <vector>

#include "cases.h"
#include "operations.h"

namespace nngpu::bench {

// What is known of a variant (the ordinary form, the one that does not check values) after its first runs.
struct Readiness {
  std::string name;
  double first = 0;  // seconds of the very first run: kernels are compiled or loaded
  double once = 0;   // seconds of a later run, until the device has finished
  double host = 0;   // seconds until the calls of a run have returned, on an idle device
  int64_t kernels = 0, uploads = 0, downloads = 0;  // of one run
};

class Session {
 public:
  Session(GpuCase c, Device device);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const GpuCase& what() const { return case_; }
  const std::vector<Readiness>& variants() const { return variants_; }

  // Seconds a run, over `repetitions` runs with the inputs taking turns. The device is idle at the start (one run
  // that is not timed comes first) and has finished at the end.
  double sample(size_t variant, int64_t repetitions);

  // Writes the results from set 0 as <folder>/0.npy, 1.npy, ...; returns how many there are.
  size_t save(size_t variant, const std::string& folder);

 private:
  void run(size_t variant);
  Readiness make_ready(size_t variant);
  void synchronize() const;

  GpuCase case_;
  Device device_;
  std::vector<std::vector<Tensor>> sets_;
  std::vector<Operation> operations_;  // one a variant
  std::vector<Readiness> variants_;
  size_t turn_ = 0;
  std::vector<Tensor> results_;  // of the last run
};

}  // namespace nngpu::bench

#endif  // NNGPU_BENCH_GPU_SESSION_H_
