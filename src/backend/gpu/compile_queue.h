// Threads that compile kernels before they are asked for.
#ifndef NNGPU_BACKEND_GPU_COMPILE_QUEUE_H_
#define NNGPU_BACKEND_GPU_COMPILE_QUEUE_H_

#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nngpu::gpu {

// Calls what is added, in order, in at most a few threads, which end when there is nothing left. At the end of the
// process, and of the queue, what runs is waited for and the rest is dropped.
class CompileQueue {
 public:
  CompileQueue() = default;
  ~CompileQueue();
  CompileQueue(const CompileQueue&) = delete;
  CompileQueue& operator=(const CompileQueue&) = delete;
  void add(std::function<void()> work);  // which must not throw
  void stop();

 private:
  void run();
  void join_ended();  // with the lock held
  std::mutex mutex_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  std::vector<std::thread::id> ended_;  // of threads_, with nothing left to do but end
  bool stopped_ = false, registered_ = false;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_COMPILE_QUEUE_H_
