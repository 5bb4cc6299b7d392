#include "backend/gpu/compile_queue.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <system_error>
#include <thread>

namespace nngpu::gpu {
namespace {

unsigned most_threads() { return std::clamp(std::thread::hardware_concurrency(), 1u, 16u); }

// The queues with threads that the end of the process must wait for: the compiler they call has an end, too.
struct Registry {
  std::mutex mutex;
  std::set<CompileQueue*> queues;
};
Registry& registry() {
  static auto* instance = new Registry;  // never destroyed
  return *instance;
}

void stop_all() {
  std::lock_guard lock(registry().mutex);
  for (CompileQueue* queue : registry().queues) queue->stop();
}

void register_queue(CompileQueue& queue) {
  static const int registered = std::atexit(stop_all);
  (void)registered;
  std::lock_guard lock(registry().mutex);
  registry().queues.insert(&queue);
}

}  // namespace

CompileQueue::~CompileQueue() {
  {
    std::lock_guard lock(registry().mutex);
    registry().queues.erase(this);
  }
  stop();
}

void CompileQueue::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  waiting_.clear();
  ended_.wait(lock, [this] { return threads_ == 0; });
}

void CompileQueue::add(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  if (!registered_) register_queue(*this);
  registered_ = true;
  waiting_.push_back(std::move(work));
  if (threads_ >= most_threads()) return;
  try {
    std::thread([this] { run(); }).detach();
    ++threads_;
  } catch (const std::system_error&) {
    // No thread to be had: whoever needs the kernel compiles it.
    if (threads_ == 0) waiting_.clear();
  }
}

void CompileQueue::run() {
  std::unique_lock lock(mutex_);
  while (!waiting_.empty()) {
    const std::function<void()> work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
  --threads_;
  ended_.notify_all();
}

}  // namespace nngpu::gpu
