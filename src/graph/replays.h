// The recorded runs of a plan.
#ifndef NNGPU_GRAPH_REPLAYS_H_
#define NNGPU_GRAPH_REPLAYS_H_

#include <memory>
#include <mutex>
#include <vector>

#include "backend/backend.h"

namespace nngpu::graph {

// A check of a run, and the launch of the plan whose items it may fail.
struct PlanCheck {
  Check check;
  const Launch* launch;
};

// A plan's second run is recorded, where its backend can; later ones submit what was recorded. A run that does not
// fit the recording makes a new one in its place. Thread-safe.
class PlanReplays {
 public:
  // Submits the recorded work of a run; false where there is none that fits.
  bool replay(const RunMemory& memory, std::vector<PlanCheck>& checks);
  // For a run that replay() refused; null if it is not to be recorded.
  std::unique_ptr<Recorder> record(Backend& backend, const RunMemory& memory);
  // The recorder's run is done.
  void keep(Recorder& recorder, const std::vector<PlanCheck>& checks);

 private:
  std::mutex mutex_;
  std::shared_ptr<Recording> recording_;
  std::vector<const Launch*> launches_;  // of the recording's checks
  int64_t runs_ = 0, replayed_ = 0, recorded_ = 0;
};

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_REPLAYS_H_
