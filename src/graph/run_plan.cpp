#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "graph/plan.h"
#include "graph/stats.h"
#include "nngpu/error.h"

namespace nngpu::graph {
namespace {

// A constant in its own dtype, as kernels read it.
void write_constant(char* to, DType dtype, int64_t bits) {
  const auto put = [&](auto value) { std::memcpy(to, &value, sizeof(value)); };
  const double real = std::bit_cast<double>(bits);
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return put(static_cast<uint8_t>(bits));
    case DType::I32:
      return put(static_cast<int32_t>(bits));
    case DType::I64:
      return put(bits);
    case DType::F16:
      return put(Half(static_cast<float>(real)));
    case DType::BF16:
      return put(BFloat16(static_cast<float>(real)));
    case DType::F32:
      return put(static_cast<float>(real));
    case DType::F64:
      return put(real);
  }
}

// Addresses of one run, reused by the thread's next run: a replayed plan allocates nothing but its outputs.
struct Scratch {
  std::vector<char*> addresses;
  std::vector<Buffer*> buffers;
  std::vector<int64_t> constants;
  std::vector<Failure> failures;
  std::vector<Check> checks;
  bool busy = false;
};

struct ScratchLease {
  Scratch own;
  Scratch* scratch;
  static Scratch& shared() {
    thread_local Scratch instance;
    return instance;
  }
  ScratchLease() : scratch(shared().busy ? &own : &shared()) { scratch->busy = true; }
  ~ScratchLease() { scratch->busy = false; }
};

void place_slots(const Plan& plan, MemoryPool& pool, const std::vector<Binding>& bindings, Buffer* arena,
                 Scratch& s, RunResult& result) {
  const size_t count = plan.slots.size();
  s.addresses.resize(count);
  s.buffers.assign(count, nullptr);
  s.constants.assign(count, 0);
  result.outputs.resize(count);
  Buffer* first_of_arena = arena;  // one slot stands for all that lie in it
  for (size_t i = 0; i < count; ++i) {
    const Slot& slot = plan.slots[i];
    switch (slot.kind) {
      case SlotKind::Input:
        s.addresses[i] = bindings[i].address;
        s.buffers[i] = bindings[i].buffer.get();
        break;
      case SlotKind::Constant:
        s.addresses[i] = reinterpret_cast<char*>(&s.constants[i]);
        write_constant(s.addresses[i], slot.dtype, bindings[i].constant);
        break;
      case SlotKind::Temporary:
        s.addresses[i] = (arena != nullptr ? arena->data : nullptr) + slot.arena_offset;
        s.buffers[i] = std::exchange(first_of_arena, nullptr);
        break;
      case SlotKind::Output: {
        const bool donated = slot.donor >= 0 && bindings[slot.donor].donate;
        result.outputs[i] = donated ? bindings[slot.donor].buffer : pool.allocate(static_cast<size_t>(slot.bytes));
        s.addresses[i] = result.outputs[i]->data;
        s.buffers[i] = result.outputs[i].get();
        break;
      }
    }
  }
}

// A lack of memory for a kernel's workspace is a typed error too.
void run_launch(Backend& backend, const Launch& launch, const RunContext& context) {
  try {
    backend.run(launch, context);
  } catch (const std::bad_alloc&) {
    throw OutOfMemoryError("[eval] the system has no memory for a kernel's workspace");
  }
}

bool overwrites_inputs(const Plan& plan, const std::vector<Binding>& bindings) {
  return std::any_of(plan.slots.begin(), plan.slots.end(),
                     [&](const Slot& slot) { return slot.donor >= 0 && bindings[slot.donor].donate; });
}

// Runs the launches one by one, and records them for the next run where that is wanted.
void run_launches(const Plan& plan, Backend& backend, const RunMemory& memory, Scratch& scratch,
                  ItemErrors& failed, std::vector<PlanCheck>& checks) {
  std::unique_ptr<Recorder> recorder;
  if (backend.records()) recorder = plan.replays->record(backend, memory);
  scratch.failures.clear();
  scratch.checks.clear();
  const RunContext context{scratch.addresses.data(), &scratch.failures, &scratch.checks};
  for (const Launch& launch : plan.launches) {
    run_launch(backend, launch, context);
    for (Failure& failure : scratch.failures)
      failed.emplace_back(launch.nodes[failure.item], std::move(failure.error));
    scratch.failures.clear();
    for (Check& check : scratch.checks) checks.push_back({std::move(check), &launch});
    scratch.checks.clear();
    if (recorder) recorder->launched(launch);
  }
  if (recorder) plan.replays->keep(*recorder, checks);
}

}  // namespace

void read_checks(const std::vector<PlanCheck>& checks, ItemErrors& failed) {
  std::vector<Failure> failures;
  for (const PlanCheck& check : checks) {
    (*check.check.read)(check.check.words->data, failures);
    for (Failure& failure : failures)
      failed.emplace_back(check.launch->nodes[failure.item], std::move(failure.error));
    failures.clear();
  }
}

void spread_errors(const Plan& plan, const ItemErrors& failed, std::vector<std::exception_ptr>& item_errors) {
  item_errors.resize(plan.item_inputs.size());
  for (const auto& [item, error] : failed) {
    if (!item_errors[item]) item_errors[item] = error;
  }
  for (size_t i = 0; i < plan.item_inputs.size(); ++i) {
    // An error from above comes first: this item only computed on what a failed one left.
    for (int32_t source : plan.item_inputs[i]) {
      if (!item_errors[source]) continue;
      item_errors[i] = item_errors[source];
      break;
    }
  }
}

RunResult run_plan(const Plan& plan, Backend& backend, const std::vector<Binding>& bindings) {
  RunResult result;
  ScratchLease lease;
  Scratch& scratch = *lease.scratch;
  BufferPtr arena;
  if (plan.arena_bytes > 0) arena = backend.pool().allocate(static_cast<size_t>(plan.arena_bytes));
  place_slots(plan, backend.pool(), bindings, arena.get(), scratch, result);
  const RunMemory memory{scratch.addresses, scratch.buffers, scratch.constants};
  ItemErrors failed;
  try {
    if (!backend.records() || !plan.replays->replay(memory, result.checks))
      run_launches(plan, backend, memory, scratch, failed, result.checks);
  } catch (...) {
    if (!overwrites_inputs(plan, bindings)) throw;
    // Nobody can try again from inputs that may be gone: everything fails.
    result.checks.clear();
    result.item_errors.assign(plan.item_inputs.size(), std::current_exception());
    return result;
  }
  counters().plans_run.fetch_add(1, std::memory_order_relaxed);
  counters().launches.fetch_add(static_cast<int64_t>(plan.launches.size()), std::memory_order_relaxed);
  if (!failed.empty()) spread_errors(plan, failed, result.item_errors);
  return result;
}

}  // namespace nngpu::graph
