// Recorded runs: the steps a plan's launches submitted, with what in them belongs to the run's memory and numbers.
#ifndef NNGPU_BACKEND_GPU_RECORDING_H_
#define NNGPU_BACKEND_GPU_RECORDING_H_

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "backend/backend.h"
#include "backend/gpu/backend.h"

namespace nngpu::gpu {

// A block of memory that recorded steps point into. A replay has another block in its place.
struct Region {
  std::vector<int32_t> slots;  // slots of the plan that lie in it; none: memory of the launches' own
  std::vector<uintptr_t> at;   // where each lay
  uintptr_t base = 0;
  size_t bytes = 0;
};

// Bytes of a step that are an address in a region, or a number of the plan.
struct Place {
  uint32_t step, offset;
};
struct NumberPlace {
  Place place;
  uint32_t size;
  int32_t slot;
};

// What a recorder found.
struct RecordedRun {
  std::vector<Step> steps;
  std::vector<Region> regions;
  std::vector<std::vector<Place>> addresses;  // an entry a region
  std::vector<NumberPlace> numbers;
  std::vector<std::pair<int32_t, int64_t>> fixed;  // numbers that launches read otherwise: slot and bits
  std::vector<std::pair<size_t, std::shared_ptr<const graph::Check::Read>>> checks;  // region of the words
  std::vector<int64_t> slot_numbers;                                                 // of the recorded run
};

// The memory of steps and the numbers in them, as they are now.
struct StepState {
  std::vector<uintptr_t> bases;  // an entry a region
  std::vector<int64_t> numbers;  // an entry a NumberPlace
};

// A replay keeps the steps as the last one left them, and patches what has changed. Where the device has graphs, a
// few are kept, since programs alternate between a few sets of buffers: a graph that fits is launched as it is,
// and one that nearly fits is told the steps that differ.
class GpuRecording : public Recording {
 public:
  GpuRecording(GpuBackend& gpu, Runtime& runtime, RecordedRun run);
  ~GpuRecording() override;
  bool replay(const RunMemory& memory, std::vector<graph::Check>& checks) override;

 private:
  // Steps [begin, end), in a graph or one by one.
  struct Segment {
    size_t begin, end;
    bool graph;
  };
  struct Graphs {
    StepState state;
    std::vector<std::unique_ptr<StepGraph>> graphs;  // an entry a segment; null where there is none
    uint64_t used = 0;                               // time of the last launch
  };

  bool fits(const RunMemory& memory) const;
  std::optional<StepState> place(const RunMemory& memory, std::vector<BufferPtr>& own) const;
  void patch(const StepState& to);
  size_t changed_places(const StepState& from, const StepState& to) const;
  std::vector<uint32_t> changed_steps(const StepState& from, const StepState& to) const;
  void cut_segments();
  // Graphs whose steps are at `to` already.
  Graphs* fitting_graphs(const StepState& to) const;
  Graphs* patched_graphs(const StepState& to);
  Graphs* choose_graphs(const StepState& to);
  std::unique_ptr<Graphs> make_graphs(const StepState& to);
  void update(Graphs& graphs, const StepState& to, const std::vector<uint32_t>& changed);
  void submit(const Step& step);
  void drop_graphs();

  GpuBackend& gpu_;
  Runtime& runtime_;
  RecordedRun run_;
  StepState state_;  // of run_.steps
  bool tf32_;
  std::vector<Segment> segments_;
  std::vector<int64_t> kernels_;  // of each segment
  bool all_in_graphs_ = true;
  std::vector<uint32_t> segment_of_;
  int64_t graph_steps_ = 0;
  bool graphs_work_ = true;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Graphs>> graphs_;
  uint64_t time_ = 0;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_RECORDING_H_
