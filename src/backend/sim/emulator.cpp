#include "backend/sim/emulator.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/sim/fiber.h"
#include "nngpu/error.h"

namespace nngpu::sim {
namespace {

constexpr uint32_t kSubgroup = 32, kMaxThreads = 1024;

enum class State : uint8_t { Ready, AtBarrier, AtExchange, Done };

struct Thread {
  Ids ids;
  State state = State::Done;
  uint32_t site = 0;       // the line it waits at
  uint32_t exchanges = 0;  // how many it has made: two slots alternate
  Fiber fiber;
};

// What the lanes of a subgroup hand to each other.
struct Slots {
  alignas(16) char bytes[2][kSubgroup][16];
};

// One block at a time, reused for the next.
class Block {
 public:
  void run(Entry entry, void** arguments, Dim block, Dim blocks, Dim threads, Schedule schedule);

  void barrier(uint32_t site) { wait(State::AtBarrier, site); }
  void exchange(const void* in, void* out, uint32_t size, uint32_t source, uint32_t site);
  void* shared(const void* key, uint32_t size);

 private:
  [[noreturn]] static void body(void* argument);
  void start_threads(Dim block, Dim blocks, Dim threads);
  void poison_shared();
  void wait(State state, uint32_t site);
  bool run_ready(Schedule schedule);
  bool release_subgroups();
  bool release_barrier();
  uint32_t pick_subgroup();
  bool can_run(uint32_t warp) const;
  [[noreturn]] void fail(const char* what, const Thread& thread) const;

  std::unique_ptr<Thread[]> threads_{new Thread[kMaxThreads]};
  std::unique_ptr<Slots[]> slots_{new Slots[kMaxThreads / kSubgroup]};
  // Blocks of exactly their size, so that the address sanitizer sees their ends.
  std::map<const void*, std::pair<std::unique_ptr<char[]>, uint32_t>> shared_;
  uint32_t count_ = 0, subgroups_ = 0, live_ = 0, chosen_ = 0, random_ = 1;
  Thread* current_ = nullptr;
  Entry entry_ = nullptr;
  void** arguments_ = nullptr;
};

thread_local Block* running = nullptr;

void Block::fail(const char* what, const Thread& thread) const {
  const Ids& ids = thread.ids;
  throw DeviceError("[sim] " + std::string(what) + " (block " + std::to_string(ids.block.x) + "," +
                    std::to_string(ids.block.y) + "," + std::to_string(ids.block.z) + ", thread " +
                    std::to_string(ids.thread.x) + "," + std::to_string(ids.thread.y) + "," +
                    std::to_string(ids.thread.z) + ", line " + std::to_string(thread.site) +
                    " of the kernel's text)");
}

// A block may run on one thread now and on another later: nothing here may depend on the thread.
void Block::body(void* argument) {
  Block& block = *static_cast<Block*>(argument);
  while (true) {
    Thread& thread = *block.current_;
    block.entry_(block.arguments_, &thread.ids);
    thread.state = State::Done;
    thread.fiber.suspend();
  }
}

void Block::wait(State state, uint32_t site) {
  Thread& thread = *current_;
  thread.state = state;
  thread.site = site;
  thread.fiber.suspend();
}

// `source` is a lane, or (bits 8 and up) 1: own lane xor, 2: own lane plus, 3: own lane minus, kept in the
// subgroup.
void Block::exchange(const void* in, void* out, uint32_t size, uint32_t source, uint32_t site) {
  Thread& thread = *current_;
  const uint32_t lane = thread.ids.lane, by = source & 0xffu;
  switch (source >> 8) {
    case 0:
      source = by % kSubgroup;
      break;
    case 1:
      source = lane ^ by;
      break;
    case 2:
      source = lane + by < kSubgroup ? lane + by : lane;
      break;
    default:
      source = lane >= by ? lane - by : lane;
  }
  Slots& slots = slots_[thread.ids.warp];
  const uint32_t turn = thread.exchanges++ & 1;
  std::memcpy(slots.bytes[turn][lane], in, size);
  wait(State::AtExchange, site);
  const uint32_t lanes = std::min(kSubgroup, count_ - thread.ids.warp * kSubgroup);
  std::memcpy(out, slots.bytes[turn][source < lanes ? source : lane], size);
}

void* Block::shared(const void* key, uint32_t size) {
  auto& [memory, bytes] = shared_[key];
  if (!memory || bytes != size) {
    memory.reset(new char[size]);
    bytes = size;
    std::memset(memory.get(), 0xff, size);
  }
  return memory.get();
}

// All bits set: NaN as floating values, and far out of range as indices.
void Block::poison_shared() {
  for (auto& [key, entry] : shared_) std::memset(entry.first.get(), 0xff, entry.second);
}

void Block::start_threads(Dim block, Dim blocks, Dim threads) {
  count_ = threads.x * threads.y * threads.z;
  subgroups_ = (count_ + kSubgroup - 1) / kSubgroup;
  live_ = count_;
  chosen_ = subgroups_;
  random_ = 2654435761u * (1 + block.x + 97 * block.y + 131 * block.z);
  for (uint32_t i = 0; i < count_; ++i) {
    Thread& thread = threads_[i];
    const Dim id{i % threads.x, i / threads.x % threads.y, i / (threads.x * threads.y)};
    thread.ids = {id, block, threads, blocks, i % kSubgroup, i / kSubgroup};
    thread.exchanges = 0;
    thread.state = State::Ready;
    if (!thread.fiber.created()) thread.fiber.create(&Block::body, this);
  }
}

bool Block::can_run(uint32_t warp) const {
  const uint32_t end = std::min(count_, (warp + 1) * kSubgroup);
  for (uint32_t i = warp * kSubgroup; i < end; ++i)
    if (threads_[i].state == State::Ready) return true;
  return false;
}

uint32_t Block::pick_subgroup() {
  if (chosen_ < subgroups_ && can_run(chosen_)) return chosen_;
  random_ = random_ * 1664525u + 1013904223u;
  const uint32_t first = (random_ >> 16) % subgroups_;
  for (uint32_t k = 0; k < subgroups_; ++k)
    if (can_run((first + k) % subgroups_)) return (first + k) % subgroups_;
  return subgroups_;
}

// Lets threads go on until each waits; true if one did.
bool Block::run_ready(Schedule schedule) {
  uint32_t begin = 0, end = count_;
  if (schedule == Schedule::Greedy) {
    chosen_ = pick_subgroup();
    if (chosen_ == subgroups_) return false;
    begin = chosen_ * kSubgroup;
    end = std::min(count_, begin + kSubgroup);
  }
  bool any = false;
  for (uint32_t i = begin; i < end; ++i) {
    if (threads_[i].state != State::Ready) continue;
    any = true;
    current_ = &threads_[i];
    current_->fiber.resume();
    if (threads_[i].state == State::Done) --live_;
  }
  return any;
}

bool Block::release_subgroups() {
  bool any = false;
  for (uint32_t w = 0; w < subgroups_; ++w) {
    const uint32_t begin = w * kSubgroup, end = std::min(count_, begin + kSubgroup);
    uint32_t waiting = 0, done = 0;
    const Thread* first = nullptr;
    bool same = true;
    for (uint32_t i = begin; i < end; ++i) {
      const Thread& thread = threads_[i];
      done += thread.state == State::Done;
      if (thread.state != State::AtExchange) continue;
      if (first == nullptr) first = &thread;
      same = same && thread.site == first->site;
      ++waiting;
    }
    if (waiting == 0) continue;
    if (waiting + done < end - begin) continue;
    if (done > 0) fail("a subgroup function was reached after other threads of the subgroup had returned", *first);
    if (!same) fail("threads of a subgroup wait at different subgroup functions", *first);
    for (uint32_t i = begin; i < end; ++i) threads_[i].state = State::Ready;
    any = true;
  }
  return any;
}

bool Block::release_barrier() {
  uint32_t waiting = 0;
  const Thread* first = nullptr;
  bool same = true;
  for (uint32_t i = 0; i < count_; ++i) {
    if (threads_[i].state != State::AtBarrier) continue;
    if (first == nullptr) first = &threads_[i];
    same = same && threads_[i].site == first->site;
    ++waiting;
  }
  if (waiting == 0 || waiting != live_) return false;
  if (live_ != count_) fail("a barrier was reached after other threads of the block had returned", *first);
  if (!same) fail("threads wait at different barriers", *first);
  for (uint32_t i = 0; i < count_; ++i) threads_[i].state = State::Ready;
  return true;
}

void Block::run(Entry entry, void** arguments, Dim block, Dim blocks, Dim threads, Schedule schedule) {
  entry_ = entry;
  arguments_ = arguments;
  poison_shared();
  start_threads(block, blocks, threads);
  while (live_ > 0) {
    const bool ran = run_ready(schedule);
    const bool exchanged = release_subgroups();
    const bool passed = release_barrier();
    if (ran || exchanged || passed) continue;
    for (uint32_t i = 0; i < count_; ++i)
      if (threads_[i].state != State::Done)
        fail("not all threads reach a barrier or subgroup function", threads_[i]);
  }
}

Dim block_at(uint64_t index, Dim blocks) {
  return {static_cast<uint32_t>(index % blocks.x), static_cast<uint32_t>(index / blocks.x % blocks.y),
          static_cast<uint32_t>(index / (static_cast<uint64_t>(blocks.x) * blocks.y))};
}

// Threads that never wait for each other run one after another.
void run_plain(Entry entry, void** arguments, Dim block, Dim blocks, Dim threads) {
  Ids ids{{}, block, threads, blocks, 0, 0};
  uint32_t linear = 0;
  for (uint32_t z = 0; z < threads.z; ++z)
    for (uint32_t y = 0; y < threads.y; ++y)
      for (uint32_t x = 0; x < threads.x; ++x, ++linear) {
        ids.thread = {x, y, z};
        ids.lane = linear % kSubgroup;
        ids.warp = linear / kSubgroup;
        entry(arguments, &ids);
      }
}

// Blocks are kept for the next launch; one that a kernel error left in the middle is not.
class BlockLease {
 public:
  BlockLease() {
    std::lock_guard lock(mutex());
    if (idle().empty()) {
      block_ = std::make_unique<Block>();
    } else {
      block_ = std::move(idle().back());
      idle().pop_back();
    }
  }
  // The fibers of a block that failed hold frames that nobody unwinds: it is set aside.
  ~BlockLease() {
    std::lock_guard lock(mutex());
    (std::uncaught_exceptions() > 0 ? spoilt() : idle()).push_back(std::move(block_));
    running = nullptr;
  }
  Block& operator*() { return *block_; }

 private:
  static std::mutex& mutex() {
    static auto* instance = new std::mutex;
    return *instance;
  }
  static std::vector<std::unique_ptr<Block>>& idle() {
    static auto* instance = new std::vector<std::unique_ptr<Block>>;
    return *instance;
  }
  static std::vector<std::unique_ptr<Block>>& spoilt() {
    static auto* instance = new std::vector<std::unique_ptr<Block>>;
    return *instance;
  }
  std::unique_ptr<Block> block_;
};

}  // namespace

const Services& services() {
  static const Services table{
      [](uint32_t site) { running->barrier(site); },
      [](const void* in, void* out, uint32_t size, uint32_t source, uint32_t site) {
        running->exchange(in, out, size, source, site);
      },
      [](const void* key, uint32_t size) { return running->shared(key, size); },
  };
  return table;
}

Schedule schedule_from_environment() {
  const char* name = std::getenv("NNGPU_SIM_SCHEDULE");
  if (name == nullptr || *name == '\0' || std::strcmp(name, "forward") == 0) return Schedule::Forward;
  if (std::strcmp(name, "greedy") == 0) return Schedule::Greedy;
  throw ValueError("[sim] NNGPU_SIM_SCHEDULE must be forward or greedy, not '" + std::string(name) + "'");
}

void run_grid(Entry entry, void** arguments, Dim blocks, Dim threads, bool cooperative, Schedule schedule) {
  const uint64_t total = static_cast<uint64_t>(blocks.x) * blocks.y * blocks.z;
  if (static_cast<uint64_t>(threads.x) * threads.y * threads.z > kMaxThreads)
    throw DeviceError("[sim] a block has more than 1024 threads");
  std::atomic<uint64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  const auto work = [&] {
    try {
      if (!cooperative) {
        for (uint64_t i; !failed && (i = next++) < total;)
          run_plain(entry, arguments, block_at(i, blocks), blocks, threads);
        return;
      }
      BlockLease lease;
      running = &*lease;
      for (uint64_t i; !failed && (i = next++) < total;)
        running->run(entry, arguments, block_at(i, blocks), blocks, threads, schedule);
    } catch (...) {
#pragma omp critical(nngpu_sim_error)
      if (!failed.exchange(true)) error = std::current_exception();
    }
  };
  const uint64_t work_size = total * threads.x * threads.y * threads.z;
  if (total == 1 || work_size < 4096) {
    work();
  } else {
#pragma omp parallel
    work();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace nngpu::sim
