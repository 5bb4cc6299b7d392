#include "backend/sim/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define NNGPU_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NNGPU_ASAN 1
#endif
#endif
#ifdef NNGPU_ASAN
extern "C" {
void __sanitizer_start_switch_fiber(void** fake, const void* bottom, size_t size);
void __sanitizer_finish_switch_fiber(void* fake, const void** bottom, size_t* size);
}
#endif

// Saves the registers that a call preserves and the stack pointer, and continues on another stack.
extern "C" void nngpu_sim_switch(void** save, void* load);
#if defined(__APPLE__)
#define NNGPU_SYMBOL "_nngpu_sim_switch"
#else
#define NNGPU_SYMBOL "nngpu_sim_switch"
#endif
#if defined(__x86_64__)
asm(".text\n"
    ".globl " NNGPU_SYMBOL "\n" NNGPU_SYMBOL
    ":\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n");
#elif defined(__aarch64__)
asm(".text\n"
    ".globl " NNGPU_SYMBOL "\n" NNGPU_SYMBOL
    ":\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp, #0]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
    "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
    "  mov x9, sp\n"
    "  str x9, [x0]\n"
    "  mov sp, x1\n"
    "  ldp x19, x20, [sp, #0]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
    "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
    "  add sp, sp, #160\n"
    "  ret\n");
#else
#error "the simulated device needs a context switch for this processor"
#endif

namespace nngpu::sim {
namespace {
// The fiber that starts: read once, on its own stack.
thread_local Fiber* starting = nullptr;
}  // namespace

Fiber::~Fiber() {
  if (stack_ != nullptr) munmap(stack_, kStackBytes);
}

void Fiber::start() {
  Fiber& fiber = *starting;
#ifdef NNGPU_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &fiber.other_bottom_, &fiber.other_size_);
#endif
  fiber.body_(fiber.argument_);
  __builtin_trap();  // the body returned
}

void Fiber::create(void (*body)(void*), void* argument) {
  void* memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_ = static_cast<char*>(memory);
  body_ = body;
  argument_ = argument;
  char* top = stack_ + kStackBytes;  // page-aligned
#if defined(__x86_64__)
  // Six registers, the return address, and a word so that the stack is aligned as after a call.
  auto** frame = reinterpret_cast<void**>(top) - 8;
  std::memset(frame, 0, 8 * sizeof(void*));
  frame[6] = reinterpret_cast<void*>(&Fiber::start);
#else
  auto** frame = reinterpret_cast<void**>(top - 160);
  std::memset(frame, 0, 160);
  frame[11] = reinterpret_cast<void*>(&Fiber::start);  // x30
#endif
  own_ = frame;
}

void Fiber::resume() {
  starting = this;
#ifdef NNGPU_ASAN
  __sanitizer_start_switch_fiber(&other_fake_, stack_, kStackBytes);
#endif
  nngpu_sim_switch(&other_, own_);
#ifdef NNGPU_ASAN
  __sanitizer_finish_switch_fiber(other_fake_, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
#ifdef NNGPU_ASAN
  __sanitizer_start_switch_fiber(&own_fake_, other_bottom_, other_size_);
#endif
  nngpu_sim_switch(&own_, other_);
#ifdef NNGPU_ASAN
  __sanitizer_finish_switch_fiber(own_fake_, &other_bottom_, &other_size_);
#endif
}

}  // namespace nngpu::sim
