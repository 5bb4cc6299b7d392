#include "backend/gpu/recording.h"

#include <algorithm>
#include <cstring>

#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

constexpr size_t kLeastSteps = 3;        // fewer are not worth a graph
constexpr size_t kMostGraphs = 8;        // of one recording
constexpr int64_t kMostSteps = 1 << 16;  // in all graphs of a device
constexpr uintptr_t kAlignment = 256;    // of the pool's blocks: launches choose kernels by alignment

char* bytes_of(Step& step) {
  struct Visitor {
    char* operator()(KernelStep& kernel) const { return kernel.arguments.storage(); }
    char* operator()(CopyStep& copy) const { return reinterpret_cast<char*>(&copy); }
    char* operator()(ZeroStep& zero) const { return reinterpret_cast<char*>(&zero); }
    char* operator()(Gemm& gemm) const { return reinterpret_cast<char*>(&gemm); }
    char* operator()(Factorization& factorization) const { return reinterpret_cast<char*>(&factorization); }
    char* operator()(VendorConvolution& convolution) const { return reinterpret_cast<char*>(&convolution); }
  };
  return std::visit(Visitor{}, step);
}

void add_to_address(char* at, uintptr_t distance) {
  uintptr_t address = 0;
  std::memcpy(&address, at, sizeof(address));
  address += distance;
  std::memcpy(at, &address, sizeof(address));
}

int64_t kernels_of(const Step* begin, const Step* end) {
  return std::count_if(begin, end, [](const Step& step) { return std::holds_alternative<KernelStep>(step); });
}

std::atomic<int64_t> steps_in_graphs{0};

}  // namespace

GpuRecording::GpuRecording(GpuBackend& gpu, Runtime& runtime, RecordedRun run)
    : gpu_(gpu), runtime_(runtime), run_(std::move(run)), tf32_(tf32()) {
  for (const Region& region : run_.regions) state_.bases.push_back(region.base);
  for (const NumberPlace& number : run_.numbers) state_.numbers.push_back(run_.slot_numbers[number.slot]);
  cut_segments();
}

GpuRecording::~GpuRecording() { drop_graphs(); }

void GpuRecording::drop_graphs() {
  steps_in_graphs -= graph_steps_ * static_cast<int64_t>(graphs_.size());
  graphs_.clear();
}

void GpuRecording::cut_segments() {
  const std::vector<Step>& steps = run_.steps;
  segment_of_.resize(steps.size());
  for (size_t begin = 0; begin < steps.size();) {
    const bool graphable = runtime_.is_graphable(steps[begin]);
    size_t end = begin;
    while (end < steps.size() && runtime_.is_graphable(steps[end]) == graphable)
      segment_of_[end++] = static_cast<uint32_t>(segments_.size());
    segments_.push_back({begin, end, graphable && end - begin >= kLeastSteps});
    if (segments_.back().graph) graph_steps_ += static_cast<int64_t>(end - begin);
    all_in_graphs_ = all_in_graphs_ && segments_.back().graph;
    begin = end;
  }
  for (const Segment& segment : segments_)
    kernels_.push_back(kernels_of(steps.data() + segment.begin, steps.data() + segment.end));
}

bool GpuRecording::fits(const RunMemory& memory) const {
  return tf32() == tf32_ && std::all_of(run_.fixed.begin(), run_.fixed.end(), [&](const auto& number) {
           return memory.numbers[number.first] == number.second;
         });
}

// Where the regions are now. Slots that lay in one block may lie apart now: then the addresses between them are
// another run's.
std::optional<StepState> GpuRecording::place(const RunMemory& memory, std::vector<BufferPtr>& own) const {
  StepState to;
  to.bases.reserve(run_.regions.size());
  for (const Region& region : run_.regions) {
    uintptr_t distance = 0;
    for (size_t i = 0; i < region.slots.size(); ++i) {
      const uintptr_t moved = reinterpret_cast<uintptr_t>(memory.addresses[region.slots[i]]) - region.at[i];
      if (i > 0 && moved != distance) return std::nullopt;
      distance = moved;
    }
    if (distance % kAlignment != 0) return std::nullopt;
    to.bases.push_back(region.base + distance);
  }
  for (const NumberPlace& number : run_.numbers) to.numbers.push_back(memory.numbers[number.slot]);
  own.resize(run_.regions.size());
  for (size_t r = 0; r < run_.regions.size(); ++r) {
    if (!run_.regions[r].slots.empty()) continue;
    own[r] = gpu_.pool().allocate(run_.regions[r].bytes);
    to.bases[r] = reinterpret_cast<uintptr_t>(own[r]->data);
  }
  return to;
}

void GpuRecording::patch(const StepState& to) {
  for (size_t r = 0; r < to.bases.size(); ++r) {
    const uintptr_t distance = to.bases[r] - state_.bases[r];
    if (distance == 0) continue;
    for (const Place& place : run_.addresses[r])
      add_to_address(bytes_of(run_.steps[place.step]) + place.offset, distance);
    state_.bases[r] = to.bases[r];
  }
  for (size_t i = 0; i < to.numbers.size(); ++i) {
    if (to.numbers[i] == state_.numbers[i]) continue;
    const NumberPlace& number = run_.numbers[i];
    std::memcpy(bytes_of(run_.steps[number.place.step]) + number.place.offset, &to.numbers[i], number.size);
    state_.numbers[i] = to.numbers[i];
  }
}

size_t GpuRecording::changed_places(const StepState& from, const StepState& to) const {
  size_t places = 0;
  for (size_t r = 0; r < to.bases.size(); ++r)
    if (to.bases[r] != from.bases[r]) places += run_.addresses[r].size();
  for (size_t i = 0; i < to.numbers.size(); ++i) places += to.numbers[i] != from.numbers[i] ? 1 : 0;
  return places;
}

std::vector<uint32_t> GpuRecording::changed_steps(const StepState& from, const StepState& to) const {
  std::vector<uint32_t> steps;
  for (size_t r = 0; r < to.bases.size(); ++r) {
    if (to.bases[r] == from.bases[r]) continue;
    for (const Place& place : run_.addresses[r]) steps.push_back(place.step);
  }
  for (size_t i = 0; i < to.numbers.size(); ++i)
    if (to.numbers[i] != from.numbers[i]) steps.push_back(run_.numbers[i].place.step);
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  return steps;
}

GpuRecording::Graphs* GpuRecording::fitting_graphs(const StepState& to) const {
  for (const auto& graphs : graphs_)
    if (graphs->state.bases == to.bases && graphs->state.numbers == to.numbers) return graphs.get();
  return nullptr;
}

// Null where there is no graph to launch. The steps are patched already: none fits as it is.
GpuRecording::Graphs* GpuRecording::choose_graphs(const StepState& to) {
  if (graph_steps_ == 0 || !graphs_work_) return nullptr;
  Graphs* best = nullptr;
  size_t least = SIZE_MAX;
  for (const auto& graphs : graphs_) {
    const size_t places = changed_places(graphs->state, to);
    if (places >= least) continue;
    best = graphs.get();
    least = places;
  }
  std::vector<uint32_t> changed;
  if (best != nullptr) changed = changed_steps(best->state, to);
  // Telling a step costs about as much as a step of a new graph.
  const bool few = changed.size() <= std::max<size_t>(8, static_cast<size_t>(graph_steps_) / 16);
  if (best == nullptr || (!few && graphs_.size() < kMostGraphs)) {
    if (steps_in_graphs + graph_steps_ <= kMostSteps) {
      if (auto made = make_graphs(to)) {
        graphs_.push_back(std::move(made));
        return graphs_.back().get();
      }
    }
    if (best == nullptr) return nullptr;
  }
  if (!few) {  // all differ much: the one that was not used for the longest time
    const auto oldest = std::min_element(graphs_.begin(), graphs_.end(),
                                         [](const auto& a, const auto& b) { return a->used < b->used; });
    best = oldest->get();
    changed = changed_steps(best->state, to);
  }
  update(*best, to, changed);
  return best;
}

std::unique_ptr<GpuRecording::Graphs> GpuRecording::make_graphs(const StepState& to) {
  auto made = std::make_unique<Graphs>();
  made->state = to;
  for (const Segment& segment : segments_) {
    std::unique_ptr<StepGraph> graph;
    if (segment.graph) {
      graph = runtime_.make_graph({run_.steps.data() + segment.begin, segment.end - segment.begin});
      if (graph == nullptr) {
        graphs_work_ = false;
        return nullptr;
      }
    }
    made->graphs.push_back(std::move(graph));
  }
  steps_in_graphs += graph_steps_;
  return made;
}

void GpuRecording::update(Graphs& graphs, const StepState& to, const std::vector<uint32_t>& changed) {
  for (const uint32_t step : changed) {
    const size_t segment = segment_of_[step];
    if (graphs.graphs[segment] != nullptr)
      graphs.graphs[segment]->set(step - segments_[segment].begin, run_.steps[step]);
  }
  graphs.state = to;
}

void GpuRecording::submit(const Step& step) {
  struct Visitor {
    GpuRecording& self;
    void operator()(const KernelStep& s) const {
      self.runtime_.launch(s.kernel, s.blocks, s.threads, s.arguments);
      ++self.gpu_.counters().kernels;
    }
    void operator()(const CopyStep& s) const { self.runtime_.copy(s.to, s.from, s.bytes); }
    void operator()(const ZeroStep& s) const { self.runtime_.fill_zero(s.to, s.bytes); }
    void operator()(const Gemm& s) const {
      if (!self.runtime_.gemm(s)) throw DeviceError("[matmul] the vendor's library refuses a product it has done");
    }
    void operator()(const Factorization& s) const {
      if (!self.runtime_.factorize(s))
        throw DeviceError("[eval] the vendor's library refuses a decomposition it has done");
    }
    void operator()(const VendorConvolution& s) const { self.runtime_.convolve(s); }
  };
  std::visit(Visitor{*this}, step);
}

GpuRecording::Graphs* GpuRecording::patched_graphs(const StepState& to) {
  try {
    Graphs* fitting = fitting_graphs(to);
    return fitting != nullptr ? fitting : choose_graphs(to);
  } catch (const Error&) {
    // Without graphs the steps still run; if the device has failed, they say so.
    drop_graphs();
    graphs_work_ = false;
    return nullptr;
  }
}

bool GpuRecording::replay(const RunMemory& memory, std::vector<graph::Check>& checks) {
  if (!fits(memory)) return false;
  std::vector<BufferPtr> own;  // free again when the work is submitted: the queue is in order
  std::optional<StepState> to;
  try {
    to = place(memory, own);
  } catch (const OutOfMemoryError&) {
    // All at once it does not fit; launch by launch it may.
  }
  if (!to) return false;
  {
    std::lock_guard lock(mutex_);
    // Most replays alternate between a few sets of buffers: then nothing is patched at all, unless some steps are
    // in no graph.
    Graphs* graphs = all_in_graphs_ ? fitting_graphs(*to) : nullptr;
    if (graphs == nullptr) {
      patch(*to);
      graphs = patched_graphs(*to);
    }
    for (size_t s = 0; s < segments_.size(); ++s) {
      const Step *begin = run_.steps.data() + segments_[s].begin, *end = run_.steps.data() + segments_[s].end;
      if (graphs != nullptr && graphs->graphs[s] != nullptr) {
        graphs->graphs[s]->launch();
        graphs->used = ++time_;
        ++gpu_.counters().graphs;
        gpu_.counters().kernels += kernels_[s];
      } else {
        for (const Step* step = begin; step != end; ++step) submit(*step);
      }
    }
  }
  ++gpu_.counters().replays;
  for (const auto& [region, read] : run_.checks) checks.push_back({own[region], read});
  return true;
}

}  // namespace nngpu::gpu
