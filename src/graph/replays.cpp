#include "graph/replays.h"

namespace nngpu::graph {

bool PlanReplays::replay(const RunMemory& memory, std::vector<PlanCheck>& checks) {
  std::shared_ptr<Recording> recording;
  std::vector<const Launch*> launches;
  {
    std::lock_guard lock(mutex_);
    ++runs_;
    if (recording_ == nullptr) return false;
    recording = recording_;
    launches = launches_;
  }
  std::vector<Check> found;
  if (!recording->replay(memory, found)) return false;
  for (size_t i = 0; i < found.size(); ++i) checks.push_back({std::move(found[i]), launches[i]});
  std::lock_guard lock(mutex_);
  ++replayed_;
  return true;
}

std::unique_ptr<Recorder> PlanReplays::record(Backend& backend, const RunMemory& memory) {
  {
    std::lock_guard lock(mutex_);
    // Recordings that hardly ever fit are not worth their making.
    constexpr int64_t kFree = 8;
    if (runs_ < 2 || recorded_ > kFree + replayed_) return nullptr;
    ++recorded_;
  }
  return backend.record(memory);
}

void PlanReplays::keep(Recorder& recorder, const std::vector<PlanCheck>& checks) {
  std::vector<Check> plain;
  std::vector<const Launch*> launches;
  for (const PlanCheck& check : checks) {
    plain.push_back(check.check);
    launches.push_back(check.launch);
  }
  std::shared_ptr<Recording> recording = recorder.finish(plain);
  std::lock_guard lock(mutex_);
  std::swap(recording_, recording);  // the old one goes after the lock
  launches_ = std::move(launches);
}

}  // namespace nngpu::graph
