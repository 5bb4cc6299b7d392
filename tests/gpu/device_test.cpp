// Tensors on a device whose memory the host cannot address: the simulated one.
#include <gtest/gtest.h>

#include "backend/gpu/devices.h"
#include "nngpu/nngpu.h"

namespace nngpu {
namespace {

const Device kSim{DeviceType::Sim, 0};

Tensor numbers(const Shape& shape, Device device) {
  std::vector<float> values(static_cast<size_t>(numel(shape)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(i % 17) - 5;
  return Tensor::from_vector(values, shape, device);
}

TEST(Devices, AreListed) {
  bool found = false;
  for (const DeviceInfo& info : devices()) {
    if (!(info.device == kSim)) continue;
    found = true;
    EXPECT_TRUE(info.available) << info.detail;
  }
  EXPECT_TRUE(found);
}

TEST(Devices, TensorsMoveBetweenThem) {
  const Tensor x = numbers({3, 5}, {}), y = x.to(kSim), back = y.to({});
  EXPECT_EQ(y.device(), kSim);
  EXPECT_EQ(back.device(), Device());
  EXPECT_EQ(back.to_vector<float>(), x.to_vector<float>());
  // Views: what lies between their elements stays behind.
  const Tensor turned = transpose(slice(y, 1, 4, kEnd, -2));
  EXPECT_EQ(turned.to({}).to_vector<float>(), transpose(slice(x, 1, 4, kEnd, -2)).to_vector<float>());
  EXPECT_EQ(broadcast_to(slice(y, 0, 0, 1), {4, 5}).to_vector<float>(),
            broadcast_to(slice(x, 0, 0, 1), {4, 5}).to_vector<float>());
}

TEST(Devices, AreNotMixed) {
  const Tensor x = numbers({4}, {}), y = numbers({4}, kSim);
  EXPECT_THROW(x + y, DeviceError);
  EXPECT_THROW(matmul(reshape(x, {2, 2}), reshape(y, {2, 2})), DeviceError);
  Variable v(y);
  EXPECT_THROW(v.assign(x), DeviceError);
  EXPECT_THROW(y.data(), DeviceError);
  EXPECT_EQ((y + 1).to_vector<float>(), (x + 1).to_vector<float>());  // numbers belong to every device
}

TEST(Devices, APlanIsOfOne) {
  Variable a(numbers({8}, {})), b(numbers({8}, kSim));
  a.assign(a.value() * 2);
  b.assign(b.value() * 3);
  EXPECT_EQ(sum(numbers({8}, kSim)).item<float>(), sum(numbers({8}, {})).item<float>());
  EXPECT_EQ(a.value().to_vector<float>(), (numbers({8}, {}) * 2).to_vector<float>());
  EXPECT_EQ(b.value().to_vector<float>(), (numbers({8}, {}) * 3).to_vector<float>());
}

TEST(Devices, NothingIsCopiedBetweenUploadAndRead) {
  const Tensor x = numbers({64, 48}, kSim).eval(), w = numbers({48, 32}, kSim).eval();
  const auto before = gpu::activity(kSim);
  Tensor h = tanh(matmul(x, w) * 0.01 + 1);
  h = softmax(h - mean(h, {1}, true), 1);
  h = concatenate({h, cumsum(h, 1)}, 1);
  h = take(h, argmax(h, 1), 0);
  const Tensor s = linalg::solve(matmul(transpose(h), h) + eye(64, -1, 0, DType::F32, kSim) * 10, transpose(h));
  h = sum(h) + sum(s);
  h.eval();
  const auto after = gpu::activity(kSim);
  // The checks of take and solve read their status words.
  EXPECT_LE(after.downloads - before.downloads, 2);
  EXPECT_EQ(after.uploads, before.uploads);
  EXPECT_GE(after.kernels - before.kernels, 8);
  EXPECT_TRUE(std::isfinite(h.item<float>()));
}

TEST(Devices, CompiledFunctionsRunOnThem) {
  set_default_device(kSim);  // where random numbers are made
  Generator generator(7);
  const auto step = compile([&](const Tensor& x) { return x * 2 + rand(x.shape(), DType::F32, generator); });
  const Tensor x = numbers({10}, kSim);
  const auto first = step(x).to_vector<float>(), second = step(x).to_vector<float>();
  EXPECT_NE(first, second);
  for (size_t i = 0; i < 10; ++i) {
    const float base = (float(i % 17) - 5) * 2;
    EXPECT_GE(first[i], base);
    EXPECT_LT(first[i], base + 1);
  }
  set_default_device({});
}

TEST(Devices, ErrorsOfValuesArriveWithTheRead) {
  const Tensor singular = zeros({3, 3}, DType::F64, kSim);
  const Tensor x = linalg::inverse(singular);
  EXPECT_THROW(x.eval(), SingularMatrixError);
  EXPECT_THROW((x + 1).to_vector<double>(), SingularMatrixError);
  const Tensor good = linalg::inverse(eye(3, -1, 0, DType::F64, kSim) * 4);
  EXPECT_NEAR(sum(good).item<double>(), 0.75, 1e-14);
}

TEST(Devices, DenseMatricesLiveThere) {
  GPUDense<double> a(4, 4, kSim);
  a.setIdentity();
  a(1, 2) = 5;
  const GPUDense<double> b = a * a;
  EXPECT_EQ(b.device(), kSim);
  EXPECT_EQ(b(1, 2), 10);
  EXPECT_EQ(b(3, 3), 1);
}

TEST(Devices, MemoryIsLimitedByTheirOwnPool) {
  const int64_t before = memory_stats(kSim).in_use;
  {
    const Tensor x = numbers({1 << 16}, kSim).eval();
    EXPECT_GE(memory_stats(kSim).in_use - before, int64_t{4} << 16);
    set_memory_limit(memory_stats(kSim).in_use + 1024, kSim);
    EXPECT_THROW((x + 1).eval(), OutOfMemoryError);
    set_memory_limit(0, kSim);
    EXPECT_EQ((x + 1).to_vector<float>()[0], -4);
  }
  EXPECT_LE(memory_stats(kSim).in_use, before);  // less where another test's last value went meanwhile
}

}  // namespace
}  // namespace nngpu
