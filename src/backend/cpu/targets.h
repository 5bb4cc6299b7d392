// Which instruction sets Highway compiles for. Every kernel file includes this before foreach_target.h.
//
// Each listed target multiplies compile time, so intermediate steps that no current machine stops at are
// left out: on x86 AVX2 and AVX-512 remain beside Highway's portable 128-bit fallback; on Arm NEON.
// A build may leave out more (the CMake option NNGPU_HWY_DISABLED_TARGETS).
#ifndef NNGPU_BACKEND_CPU_TARGETS_H_
#define NNGPU_BACKEND_CPU_TARGETS_H_

#if defined(HWY_DISABLED_TARGETS)
// Set by the build.
#elif defined(__x86_64__) || defined(_M_X64)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#elif defined(__aarch64__)
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif

#endif  // NNGPU_BACKEND_CPU_TARGETS_H_
