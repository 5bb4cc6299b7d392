// What goes to a vendor's library of convolutions: on the simulated device behind loops of the same conventions,
// and on an NVIDIA GPU, where there is one, cuDNN's results beside those of our kernels.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "backend/gpu/launches.h"
#include "gpu/forwarding_runtime.h"
#include "nngpu/nngpu.h"
#include "oracle/compare.h"
#include "oracle/convolution.h"
#include "oracle/random_array.h"

namespace nngpu::gpu {
namespace {

using graph::ConvolutionMode;
using graph::ConvolutionParams;
using graph::Operand;
using oracle::Array;
using Mode = VendorConvolution::Mode;

class LoopsRuntime : public ForwardingRuntime {
 public:
  bool plan_convolution(const VendorConvolution& c, size_t& workspace_bytes) override {
    workspace_bytes = 128;
    planned = c;
    return true;
  }
  void convolve(const VendorConvolution& c) override {
    ++calls;
    EXPECT_NE(c.workspace, nullptr);
    for (const void* data : {c.x_data, c.w_data, c.y_data}) EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 16, 0u);
    EXPECT_EQ(c.mode, planned.mode);
    EXPECT_EQ(c.x.stride[1], planned.x.stride[1]);
    c.dtype == DType::BF16 ? loops<BFloat16>(c) : loops<float>(c);
  }
  VendorConvolution planned{};
  int calls = 0;

 private:
  template <class T>
  static void loops(const VendorConvolution& c) {
    const auto count = [](const VendorConvolution::Tensor& o) {
      return static_cast<size_t>(o.size[0] * o.size[1] * o.size[2] * o.size[3]);
    };
    const bool forward = c.mode == Mode::Forward, input = c.mode == Mode::InputGradient;
    const VendorConvolution::Tensor& result = forward ? c.y : input ? c.x : c.w;
    auto* to = static_cast<T*>(forward ? c.y_data : input ? c.x_data : c.w_data);
    std::vector<double> sums(count(result));
    const auto at = [](const VendorConvolution::Tensor& o, int64_t a, int64_t b, int64_t i, int64_t j) {
      return a * o.stride[0] + b * o.stride[1] + i * o.stride[2] + j * o.stride[3];
    };
    const auto value = [](const void* data, int64_t place) {
      return static_cast<double>(static_cast<float>(static_cast<const T*>(data)[place]));
    };
    const int64_t groups = c.x.size[1] / c.w.size[1], results = c.w.size[0] / groups;
    for (int64_t n = 0; n < c.y.size[0]; ++n)
      for (int64_t o = 0; o < c.w.size[0]; ++o)
        for (int64_t k = 0; k < c.w.size[1]; ++k)
          for (int64_t t = 0; t < c.w.size[2]; ++t)
            for (int64_t u = 0; u < c.w.size[3]; ++u)
              for (int64_t i = 0; i < c.y.size[2]; ++i)
                for (int64_t j = 0; j < c.y.size[3]; ++j) {
                  const int64_t row = i * c.stride[0] - c.low[0] + t * c.dilation[0];
                  const int64_t column = j * c.stride[1] - c.low[1] + u * c.dilation[1];
                  if (row < 0 || row >= c.x.size[2] || column < 0 || column >= c.x.size[3]) continue;
                  const int64_t x = at(c.x, n, o / results * c.w.size[1] + k, row, column);
                  const int64_t w = at(c.w, o, k, t, u), y = at(c.y, n, o, i, j);
                  if (forward)
                    sums[static_cast<size_t>(y)] += value(c.x_data, x) * value(c.w_data, w);
                  else if (input)
                    sums[static_cast<size_t>(x)] += value(c.y_data, y) * value(c.w_data, w);
                  else
                    sums[static_cast<size_t>(w)] += value(c.x_data, x) * value(c.y_data, y);
                }
    for (size_t i = 0; i < sums.size(); ++i) to[i] = T(static_cast<float>(sums[i]));
  }
};

class ConvolutionVendor : public ::testing::Test {
 protected:
  ConvolutionVendor() {
    auto owned = std::make_unique<LoopsRuntime>();
    runtime_ = owned.get();
    gpu_ = std::make_unique<GpuBackend>(Device{DeviceType::Sim, 0}, std::move(owned));
  }
  // An operand with the elements of `a`, the axes in memory in that order, `offset` elements behind an aligned
  // address.
  Operand operand(const Array& a, DType dtype, std::array<int, 4> order, int64_t offset = 0) {
    Operand result;
    result.slot = static_cast<int32_t>(slots_.size());
    result.dtype = dtype;
    result.offset = offset;
    result.shape = Shape(a.shape);
    result.strides = Dims::filled(4, 0);
    int64_t step = 1;
    for (int i = 3; i >= 0; --i) {
      const auto axis = static_cast<size_t>(order[static_cast<size_t>(i)]);
      result.strides[order[static_cast<size_t>(i)]] = step;
      step *= a.shape[axis];
    }
    holders_.push_back(gpu_->pool().allocate(static_cast<size_t>(step + offset) * dtype_size(dtype)));
    slots_.push_back(holders_.back()->data);
    for_each(a, [&](const std::vector<int64_t>& i, double v) { write(result, place(result, i), v); });
    return result;
  }
  Array array(const Operand& o, const std::vector<int64_t>& shape) {
    Array result = oracle::filled(shape, 0);
    oracle::for_each_index(shape, [&](const std::vector<int64_t>& i) { result.ref(i) = read(o, place(o, i)); });
    return result;
  }
  bool run(const ConvolutionParams& params, const Operand& a, const Operand& b, const Operand& y) {
    graph::Launch launch;
    launch.kind = graph::OpKind::Convolution;
    launch.params = params;
    launch.inputs = {a, b};
    launch.outputs = {y};
    const int before = runtime_->calls;
    const graph::RunContext context{slots_.data(), nullptr, nullptr};
    run_convolution(*gpu_, launch, context);
    gpu_->synchronize();
    return runtime_->calls > before;
  }

  template <class F>
  static void for_each(const Array& a, const F& f) {
    oracle::for_each_index(a.shape, [&](const std::vector<int64_t>& i) { f(i, a.at(i)); });
  }
  static int64_t place(const Operand& o, const std::vector<int64_t>& i) {
    int64_t result = o.offset;
    for (size_t k = 0; k < i.size(); ++k) result += i[k] * o.strides[static_cast<int>(k)];
    return result;
  }
  void write(const Operand& o, int64_t at, double v) {
    char* data = slots_[static_cast<size_t>(o.slot)];
    if (o.dtype == DType::BF16)
      reinterpret_cast<BFloat16*>(data)[at] = BFloat16(static_cast<float>(v));
    else
      reinterpret_cast<float*>(data)[at] = static_cast<float>(v);
  }
  double read(const Operand& o, int64_t at) {
    const char* data = slots_[static_cast<size_t>(o.slot)];
    if (o.dtype == DType::BF16) return static_cast<float>(reinterpret_cast<const BFloat16*>(data)[at]);
    return reinterpret_cast<const float*>(data)[at];
  }

  LoopsRuntime* runtime_;
  std::unique_ptr<GpuBackend> gpu_;
  std::vector<char*> slots_;
  std::vector<BufferPtr> holders_;
};

constexpr std::array<int, 4> kRowMajor{0, 1, 2, 3}, kChannelsLast{0, 2, 3, 1};

void expect_close(const Array& got, const Array& want, double allowed) {
  ASSERT_EQ(got.shape, want.shape);
  for (size_t i = 0; i < want.data.size(); ++i) ASSERT_NEAR(got.data[i], want.data[i], allowed) << "element " << i;
}

// Every mode, from operands that lie as the library wants them and from others, with two groups and uneven
// padding.
TEST_F(ConvolutionVendor, GetsLargeConvolutions) {
  const oracle::Windows windows{{1, 1}, {1, 2}, {1, 2}, {2, 1}, 2};
  ConvolutionParams p{ConvolutionMode::Forward, 2, {1, 1}, {1, 2}, {1, 2}, {2, 1}, {0, 0}};
  const Array x = oracle::random_array({3, 64, 15, 13}, DType::BF16, -1, 1),
              w = oracle::random_array({64, 32, 3, 3}, DType::BF16, -1, 1), y = oracle::convolve(x, w, windows),
              g = oracle::random_array(y.shape, DType::BF16, -1, 1);
  for (const DType dtype : {DType::F32, DType::BF16})
    for (const bool as_wanted : {true, false}) {
      const bool half = dtype == DType::BF16;
      const auto order = half == as_wanted ? kChannelsLast : kRowMajor;
      const Operand tx = operand(x, dtype, order, as_wanted ? 0 : 3), tw = operand(w, dtype, order),
                    tg = operand(g, dtype, order), ty = operand(y, dtype, kRowMajor),
                    dx = operand(x, dtype, kRowMajor), dw = operand(w, dtype, kRowMajor);
      const double unit = half ? 0x1p-8 : 0x1p-20;
      p.mode = ConvolutionMode::Forward;
      ASSERT_TRUE(run(p, tx, tw, ty));
      EXPECT_EQ(runtime_->planned.x.stride[1] == 1, half);
      expect_close(array(ty, y.shape), y, 16 * unit);
      p.mode = ConvolutionMode::InputGradient;
      p.size[0] = 15, p.size[1] = 13;
      ASSERT_TRUE(run(p, tg, tw, dx));
      expect_close(array(dx, x.shape), oracle::convolve_input_gradient(g, w, x.shape, windows), 16 * unit);
      p.mode = ConvolutionMode::WeightGradient;
      p.size[0] = p.size[1] = 3;
      ASSERT_TRUE(run(p, tx, tg, dw));
      expect_close(array(dw, w.shape), oracle::convolve_weight_gradient(x, g, w.shape, windows), 32 * unit);
    }
}

TEST_F(ConvolutionVendor, DoesNotGetWeightGradientsOfFewChannels) {
  ConvolutionParams p{ConvolutionMode::WeightGradient, 1, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {3, 3}};
  const Array x = oracle::random_array({4, 16, 35, 31}, DType::F32, -1, 1),
              g = oracle::random_array({4, 48, 33, 29}, DType::F32, -1, 1);
  const std::vector<int64_t> shape{48, 16, 3, 3};
  const Array dw = oracle::convolve_weight_gradient(x, g, shape, {});
  const Operand result = operand(dw, DType::F32, kRowMajor);
  EXPECT_FALSE(run(p, operand(x, DType::F32, kRowMajor), operand(g, DType::F32, kRowMajor), result));
  expect_close(array(result, shape), dw, 1e-3);
}

TEST_F(ConvolutionVendor, DoesNotGetSmallOnesAndSingleChannels) {
  const ConvolutionParams p{ConvolutionMode::Forward, 1, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {0, 0}};
  const Array x = oracle::random_array({1, 4, 9, 9}, DType::F32, -1, 1),
              w = oracle::random_array({5, 4, 3, 3}, DType::F32, -1, 1), y = oracle::convolve(x, w, {});
  const Operand result = operand(y, DType::F32, kRowMajor);
  EXPECT_FALSE(run(p, operand(x, DType::F32, kRowMajor), operand(w, DType::F32, kRowMajor), result));
  expect_close(array(result, y.shape), y, 1e-4);

  ConvolutionParams single = p;
  single.groups = 64;
  const Array wide = oracle::random_array({1, 64, 90, 90}, DType::F32, -1, 1),
              v = oracle::random_array({64, 1, 3, 3}, DType::F32, -1, 1);
  oracle::Windows windows;
  windows.groups = 64;
  const Array z = oracle::convolve(wide, v, windows);
  const Operand depth = operand(z, DType::F32, kRowMajor);
  EXPECT_FALSE(run(single, operand(wide, DType::F32, kRowMajor), operand(v, DType::F32, kRowMajor), depth));
  expect_close(array(depth, z.shape), z, 1e-4);
}

// Whole batches go to cuDNN, single images to our kernels.
TEST(ConvolutionOnCuda, AgreesWithOurKernels) {
  Device cuda;
  try {
    cuda = device_from_name("cuda");
    zeros({1}, DType::F32, cuda).to_vector<float>();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  constexpr int64_t kImages = 16;
  for (const DType dtype : {DType::F32, DType::F64, DType::F16, DType::BF16})
    for (const int64_t stride : {1, 2}) {
      const Conv2dOptions o{.stride = stride, .padding = {Pair(1, 0), Pair(1, 1)}};
      const auto random = [&](const std::vector<int64_t>& shape) {
        return oracle::to_tensor(oracle::random_array(shape, dtype, -1, 1), dtype).to(cuda);
      };
      const int64_t side = 20 * stride;
      const Tensor x = random({kImages, 24, side, side}), w = random({32, 24, 3, 3});
      const Tensor y = conv2d(x, w, o), g = random({kImages, 32, y.size(2), y.size(3)});
      const Tensor dx = conv2d_input_gradient(g, w, {side, side}, o), dw = conv2d_weight_gradient(x, g, {3, 3}, o);
      std::vector<Tensor> ys, dxs;
      Tensor sum = zeros({32, 24, 3, 3}, DType::F64, cuda);
      for (int64_t i = 0; i < kImages; ++i) {
        const Tensor xi = slice(x, 0, i, i + 1), gi = slice(g, 0, i, i + 1);
        ys.push_back(conv2d(xi, w, o));
        dxs.push_back(conv2d_input_gradient(gi, w, {side, side}, o));
        sum = sum + cast(conv2d_weight_gradient(xi, gi, {3, 3}, o), DType::F64);
      }
      const auto close = [&](const Tensor& got, const Tensor& want, double terms) {
        const double unit = dtype == DType::F64   ? 0x1p-52
                            : dtype == DType::F32 ? 0x1p-23
                            : dtype == DType::F16 ? 0x1p-10
                                                  : 0x1p-7;
        const bool half = dtype == DType::F16 || dtype == DType::BF16;
        const Tensor wide = cast(want, DType::F64);
        const double off = max(abs(cast(got, DType::F64) - wide)).item<double>();
        // Of half types the rounding of the results is all that counts.
        const double allowed = (half ? 2 : 4 * std::sqrt(terms)) * unit * max(abs(wide)).item<double>();
        EXPECT_LE(off, allowed) << dtype_name(dtype) << " stride " << stride;
      };
      close(y, concatenate(ys, 0), 24 * 9);
      close(dx, concatenate(dxs, 0), 32 * 9);
      close(dw, sum, double(kImages * y.size(2) * y.size(3)));
    }
}

}  // namespace
}  // namespace nngpu::gpu
