// What is said of a device that fails, and of the operation that made it fail.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "backend/gpu/devices.h"
#include "gpu/forwarding_runtime.h"
#include "nngpu/nngpu.h"

namespace nngpu {
namespace {

// As CUDA does: a kernel that goes wrong is reported by every later call.
class FailingRuntime : public gpu::ForwardingRuntime {
 public:
  explicit FailingRuntime(std::shared_ptr<std::atomic<int>> left) : left_(std::move(left)) {}
  void launch(gpu::DriverKernel kernel, gpu::Dim3 blocks, gpu::Dim3 threads,
              const gpu::Arguments& arguments) override {
    report();
    if (--*left_ == 0) failed_ = true;
    ForwardingRuntime::launch(kernel, blocks, threads, arguments);
  }
  void download(void* to, const void* from, size_t bytes) override {
    report();
    ForwardingRuntime::download(to, from, bytes);
  }
  void synchronize() override { report(); }

 private:
  void report() const {
    if (failed_) throw DeviceError("[test] the device has failed");
  }
  std::shared_ptr<std::atomic<int>> left_;
  bool failed_ = false;
};

// A device whose kernel number `kernel` goes wrong.
Device failing_device(int index, int kernel, bool waits) {
  if (waits) setenv("NNGPU_CUDA_SYNC", "1", 1);
  const Device device{DeviceType::Sim, index};
  gpu::use_runtime(device, std::make_unique<FailingRuntime>(std::make_shared<std::atomic<int>>(kernel)));
  unsetenv("NNGPU_CUDA_SYNC");
  return device;
}

// The error of a softmax, the first kernel, and a scan behind it.
std::string message_of(Device device) {
  const Tensor x = Tensor::from_vector(std::vector<float>{1, 2, 3, 4}, {2, 2}, device);
  try {
    cumsum(softmax(x, 1), 0).to_vector<float>();
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "nothing";
}

TEST(DeviceErrors, NameTheOperationWhereEachIsWaitedFor) {
  EXPECT_EQ(message_of(failing_device(20, 1, true)), "[test] the device has failed (in softmax)");
  EXPECT_EQ(message_of(failing_device(21, 2, true)), "[test] the device has failed (in scan)");
}

TEST(DeviceErrors, SayWhereTheyWereFoundOtherwise) {
  const std::string earlier = "an operation submitted before may be the cause: NNGPU_CUDA_SYNC=1 finds it)";
  EXPECT_EQ(message_of(failing_device(22, 1, false)), "[test] the device has failed (found in scan; " + earlier);
  EXPECT_EQ(message_of(failing_device(23, 2, false)), "[test] the device has failed (" + earlier);
}

TEST(DeviceErrors, AreOnlyThoseOfTheDevice) {
  EXPECT_EQ(message_of(failing_device(24, 1000, true)), "nothing");
  EXPECT_THROW(gpu::use_runtime({DeviceType::Sim, 24}, nullptr), Error);
}

}  // namespace
}  // namespace nngpu
