// Fibers: stacks of their own on one thread, switched by saving the registers that a call preserves.
#ifndef NNGPU_BACKEND_SIM_FIBER_H_
#define NNGPU_BACKEND_SIM_FIBER_H_

#include <cstddef>

namespace nngpu::sim {

class Fiber {
 public:
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();
  // Prepares the fiber to call body(argument) when it is resumed first; body must not return: it ends by
  // suspending for good. A fiber that has a body keeps it.
  void create(void (*body)(void*), void* argument);
  bool created() const { return stack_ != nullptr; }
  // Runs the fiber until it suspends. Called outside of fibers.
  void resume();
  // Back to resume()'s caller. Called inside this fiber.
  void suspend();

 private:
  static constexpr size_t kStackBytes = 256 << 10;
  static void start();
  char* stack_ = nullptr;
  void* own_ = nullptr;    // the fiber's stack pointer while it is suspended
  void* other_ = nullptr;  // the resumer's while the fiber runs
  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  // The address sanitizer's view of the two stacks.
  void* own_fake_ = nullptr;
  void* other_fake_ = nullptr;
  const void* other_bottom_ = nullptr;
  size_t other_size_ = 0;
};

}  // namespace nngpu::sim

#endif  // NNGPU_BACKEND_SIM_FIBER_H_
