#include "backend/gpu/compile_queue.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

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

// Joins: a thread that has done its work still has an end of its own, in which the compiler's per-thread state is
// destroyed, and that must not outlive the compiler.
void CompileQueue::stop() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    waiting_.clear();
    threads.swap(threads_);
    ended_.clear();
  }
  for (std::thread& thread : threads) thread.join();
}

void CompileQueue::add(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  if (!registered_) register_queue(*this);
  registered_ = true;
  join_ended();
  waiting_.push_back(std::move(work));
  if (threads_.size() >= most_threads()) return;
  try {
    threads_.emplace_back([this] { run(); });
  } catch (const std::system_error&) {
    // No thread to be had: whoever needs the kernel compiles it.
    if (threads_.empty()) waiting_.clear();
  }
}

void CompileQueue::join_ended() {
  for (const std::thread::id id : ended_) {
    const auto thread = std::find_if(threads_.begin(), threads_.end(),
                                     [id](const std::thread& each) { return each.get_id() == id; });
    thread->join();
    threads_.erase(thread);
  }
  ended_.clear();
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
  if (!stopped_) ended_.push_back(std::this_thread::get_id());
}

}  // namespace nngpu::gpu
