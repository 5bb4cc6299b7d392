#include "session.h"

#include <algorithm>
#include <chrono>

#include "backend/gpu/devices.h"
#include "data.h"
#include "nngpu/io.h"
#include "nngpu/ops.h"

namespace nngpu::bench {
namespace {

constexpr double kWorthless = 0.05;  // seconds of a run whose form without checks can show nothing new

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Reads one element of each result, so that none can have been left out.
void consume(const std::vector<Tensor>& results) {
  for (const Tensor& result : results) index(reshape(result, {-1}), 0, -1).item<double>();
}

}  // namespace

Session::Session(GpuCase c, Device device) : case_(std::move(c)), device_(device) {
  set_tf32(case_.tf32);
  for (int64_t set = 0; set < case_.sets; ++set) {
    std::vector<Tensor>& inputs = sets_.emplace_back();
    for (size_t i = 0; i < case_.inputs.size(); ++i) inputs.push_back(make_input(case_, i, set, device_));
  }
  operations_.push_back(make_operation(case_.operation, true));
  if (case_.unchecked) operations_.push_back(make_operation(case_.operation, false));
  variants_.push_back(make_ready(0));
  if (operations_.size() > 1 && variants_[0].once < kWorthless) variants_.push_back(make_ready(1));
}

Session::~Session() {
  results_.clear();
  sets_.clear();
  trim_memory(device_);
}

void Session::synchronize() const { gpu::backend_for(device_).synchronize(); }

void Session::run(size_t variant) {
  turn_ = (turn_ + 1) % sets_.size();
  // The last results stay alive while the next are computed, as in a program that uses them.
  std::vector<Tensor> results = operations_[variant](sets_[turn_]);
  start_eval(results);  // errors of values are for the reads of consume()
  results_ = std::move(results);
}

Readiness Session::make_ready(size_t variant) {
  Readiness ready;
  ready.name = variant == 0 ? "nngpu" : "nngpu unchecked";
  const auto timed = [&] {
    const double start = now();
    run(variant);
    const double returned = now();
    synchronize();
    return std::pair{now() - start, returned - start};
  };
  synchronize();
  ready.first = timed().first;
  consume(results_);
  if (ready.first < 1) timed();
  const gpu::Activity before = gpu::activity(device_);
  const auto [once, host] = timed();
  const gpu::Activity after = gpu::activity(device_);
  ready.kernels = after.kernels - before.kernels;
  ready.uploads = after.uploads - before.uploads;
  ready.downloads = after.downloads - before.downloads;
  ready.once = once, ready.host = host;
  // The first replays of a plan still make graphs, one for each set of buffers that the results alternate between.
  for (int i = 0; i < 24 && once < 0.1; ++i) ready.host = std::min(ready.host, timed().second);
  return ready;
}

double Session::sample(size_t variant, int64_t repetitions) {
  set_tf32(case_.tf32);
  run(variant);
  synchronize();
  const double start = now();
  for (int64_t i = 0; i < repetitions; ++i) run(variant);
  synchronize();
  const double seconds = (now() - start) / static_cast<double>(repetitions);
  consume(results_);
  return seconds;
}

size_t Session::save(size_t variant, const std::string& folder) {
  const std::vector<Tensor> results = operations_[variant](sets_[0]);
  eval(results);
  for (size_t i = 0; i < results.size(); ++i) io::save_npy(folder + "/" + std::to_string(i) + ".npy", results[i]);
  return results.size();
}

}  // namespace nngpu::bench
