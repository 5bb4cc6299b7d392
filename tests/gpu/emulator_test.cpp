// The simulated device finds what is wrong with a kernel: barriers and subgroup functions that not all threads
// reach, and races that show in the greedy schedule.
#include "backend/sim/emulator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/gpu/backend.h"
#include "backend/gpu/devices.h"
#include "backend/gpu/text.h"
#include "backend/sim/compiler.h"
#include "backend/sim/runtime.h"
#include "nngpu/error.h"

namespace nngpu {
namespace {

gpu::GpuBackend& sim() { return gpu::backend_for(Device{DeviceType::Sim, 0}); }

// Runs kernel `test` of the text on one block, on `count` floats that it may change.
std::vector<float> run(const std::string& body, std::vector<float> values, uint32_t threads) {
  const size_t bytes = values.size() * sizeof(float);
  const BufferPtr memory = sim().pool().allocate(bytes);
  sim().upload(memory->data, values.data(), bytes);
  gpu::Arguments arguments;
  arguments.buffer(memory->data);
  sim().launch(sim().library().generated(body, "test"), {1, 1, 1}, {threads, 1, 1}, arguments);
  sim().download(values.data(), memory->data, bytes);
  return values;
}

std::string message_of(const std::string& body, uint32_t threads) {
  try {
    run(body, std::vector<float>(threads, 1), threads);
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "";
}

TEST(Emulator, ThreadsKnowWhereTheyAre) {
  const auto values =
      run("KERNEL(test, OUTPUT(float, y, 0)) { y[tid.x] = (float)(tid.x * 1000u + warp * 100u + lane); }",
          std::vector<float>(70), 70);
  for (uint32_t i = 0; i < 70; ++i) EXPECT_EQ(values[i], float(i * 1000 + i / 32 * 100 + i % 32));
}

TEST(Emulator, SubgroupsExchangeValues) {
  const std::string body =
      "KERNEL(test, OUTPUT(float, y, 0)) {\n"
      "  float sum = y[tid.x];\n"
      "  simd_reduce(sum, ng::add);\n"
      "  y[tid.x] = sum + simd_shuffle_up(y[tid.x], 1u);\n}\n";
  std::vector<float> values(64);
  for (size_t i = 0; i < 64; ++i) values[i] = float(i);
  const auto result = run(body, values, 64);
  for (size_t i = 0; i < 64; ++i) {
    const float total = i < 32 ? 496 : 1520;
    EXPECT_EQ(result[i], total + float(i % 32 == 0 ? i : i - 1));
  }
}

TEST(Emulator, BlocksShareMemoryThatStartsAsNan) {
  const std::string fill =
      "KERNEL(test, OUTPUT(float, y, 0)) {\n"
      "  SHARED(float, s, [64]);\n"
      "  if (tid.x != 5u) s[tid.x] = (float)tid.x;\n"
      "  BARRIER();\n"
      "  y[tid.x] = s[63u - tid.x];\n}\n";
  const auto result = run(fill, std::vector<float>(64), 64);
  for (size_t i = 0; i < 64; ++i) {
    if (63 - i == 5)
      EXPECT_TRUE(std::isnan(result[i]));
    else
      EXPECT_EQ(result[i], float(63 - i));
  }
}

TEST(Emulator, FindsABarrierThatSomeThreadsMiss) {
  const std::string text =
      "KERNEL(test, OUTPUT(float, y, 0)) { if (tid.x < 40u) { BARRIER(); } y[tid.x] = 0.0f; }";
  EXPECT_NE(message_of(text, 64).find("a barrier was reached after other threads of the block had returned"),
            std::string::npos);
}

TEST(Emulator, FindsDifferentBarriers) {
  const std::string text =
      "KERNEL(test, OUTPUT(float, y, 0)) {\n  if (tid.x < 32u) {\n    BARRIER();\n  } else {\n    BARRIER();\n  "
      "}\n"
      "  y[tid.x] = 0.0f;\n}\n";
  EXPECT_NE(message_of(text, 64).find("threads wait at different barriers"), std::string::npos);
}

TEST(Emulator, FindsASubgroupFunctionThatSomeLanesMiss) {
  const std::string text =
      "KERNEL(test, OUTPUT(float, y, 0)) {\n  float v = y[tid.x];\n  if (lane < 7u) v = simd_shuffle_xor(v, 1u);\n"
      "  y[tid.x] = v;\n}\n";
  EXPECT_NE(message_of(text, 32).find("a subgroup function was reached after other threads"), std::string::npos);
}

// The same kernel without its barrier: an even pace of the threads hides that, the greedy schedule does not.
TEST(Emulator, TheGreedyScheduleShowsAMissingBarrier) {
  const auto run_reversal = [](bool barrier) {
    const std::string body = std::string("KERNEL(test, OUTPUT(float, y, 0)) {\n  SHARED(float, s, [256]);\n") +
                             "  s[tid.x] = y[tid.x];\n" + (barrier ? "  BARRIER();\n" : "") +
                             "  y[tid.x] = s[255u - tid.x];\n}\n";
    const std::string path = testing::TempDir() + "/reversal" + (barrier ? "1" : "0") + ".so";
    const auto runtime = sim::make_runtime();
    runtime->compile(gpu::full_text(gpu::Dialect::Host, "", body), path);
    const auto module = runtime->load(path);
    std::vector<float> values(256);
    for (size_t i = 0; i < 256; ++i) values[i] = float(i);
    gpu::Arguments arguments;
    arguments.buffer(values.data());
    runtime->launch(module->find("test"), {1, 1, 1}, {256, 1, 1}, arguments);
    int wrong = 0;
    for (size_t i = 0; i < 256; ++i) wrong += !(values[i] == float(255 - i));
    return wrong;
  };
  setenv("NNGPU_SIM_SCHEDULE", "greedy", 1);
  EXPECT_EQ(run_reversal(true), 0);
  EXPECT_GT(run_reversal(false), 0);
  unsetenv("NNGPU_SIM_SCHEDULE");
}

TEST(Emulator, AKernelThatDoesNotCompileSaysWhy) {
  EXPECT_NE(message_of("KERNEL(test, OUTPUT(float, y, 0)) { y[tid.x] = undeclared; }", 32).find("undeclared"),
            std::string::npos);
}

#if defined(__SANITIZE_ADDRESS__)
#define NNGPU_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NNGPU_TEST_ASAN 1
#endif
#endif
#ifdef NNGPU_TEST_ASAN
TEST(EmulatorDeathTest, TheAddressSanitizerSeesKernels) {
  const std::string text = "KERNEL(test, OUTPUT(float, y, 0)) { y[tid.x + 4096u] = 1.0f; }";
  EXPECT_DEATH(run(text, std::vector<float>(32), 32), "heap-buffer-overflow");
  const std::string shared =
      "KERNEL(test, OUTPUT(float, y, 0)) { SHARED(float, s, [32]); s[tid.x + 1u] = 1.0f; BARRIER(); y[tid.x] = "
      "s[0]; }";
  EXPECT_DEATH(run(shared, std::vector<float>(32), 32), "heap-buffer-overflow|out of bounds");
}
#endif

}  // namespace
}  // namespace nngpu
