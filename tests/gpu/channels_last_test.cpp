// Planes that plans lay out with their channels last: on the simulated device, which is told to.
#include "graph/channels_last.h"

#include <gtest/gtest.h>

#include <regex>

#include "nngpu/nngpu.h"
#include "oracle/compare.h"
#include "oracle/convolution.h"
#include "oracle/random_array.h"

namespace nngpu {
namespace {

using graph::ChannelsLast;

class Layout {
 public:
  explicit Layout(ChannelsLast choice) : before_(graph::channels_last()) { graph::channels_last() = choice; }
  ~Layout() { graph::channels_last() = before_; }

 private:
  ChannelsLast before_;
};

const Device kSim{DeviceType::Sim, 0};

Tensor random(const std::vector<int64_t>& shape, DType dtype = DType::F32) {
  return oracle::to_tensor(oracle::random_array(shape, dtype, -1, 1), dtype).to(kSim);
}

Dims last(const Tensor& x) { return graph::channels_last_strides(x.shape()); }

TEST(ChannelsLast, IsNotWhatIsRowMajorToo) {
  const auto lies_so = [](const Shape& shape, const Dims& strides) {
    return graph::is_channels_last({0, DType::F32, 0, shape, strides});
  };
  EXPECT_TRUE(lies_so({2, 3, 4, 5}, {60, 1, 15, 3}));
  EXPECT_TRUE(lies_so({1, 3, 4, 5}, {7, 1, 15, 3}));
  EXPECT_FALSE(lies_so({2, 3, 4, 5}, {60, 20, 5, 1}));
  EXPECT_FALSE(lies_so({2, 1, 4, 5}, {20, 1, 5, 1}));
  EXPECT_FALSE(lies_so({2, 3, 1, 1}, {3, 1, 3, 3}));
  EXPECT_FALSE(lies_so({2, 3, 4, 5}, {0, 1, 15, 3}));
  EXPECT_FALSE(lies_so({3, 4, 5}, {1, 15, 3}));
}

TEST(ChannelsLast, IsKeptByElementwiseWorkAndPools) {
  const Layout layout(ChannelsLast::Always);
  const oracle::Array a = oracle::random_array({2, 3, 9, 7}, DType::F32, -1, 1),
                      w = oracle::random_array({5, 3, 3, 3}, DType::F32, -1, 1);
  const Tensor x = oracle::to_tensor(a, DType::F32).to(kSim), bias = random({5, 1, 1}),
               other = random({2, 5, 7, 5});
  const Tensor y = conv2d(x, oracle::to_tensor(w, DType::F32).to(kSim));
  const Tensor z = relu(other + y * 2 + bias), pooled = max_pool2d(z, 2),
               means = avg_pool2d(z, 3, {.stride = 1, .padding = 1});
  eval({y, z, pooled, means});
  for (const Tensor& t : {y, z, pooled, means}) EXPECT_TRUE(t.strides() == last(t)) << t.size(1) << " channels";
  EXPECT_TRUE(oracle::matches(y, oracle::convolve(a, w, {}), DType::F32, oracle::Accuracy::Accumulated, 27));
  EXPECT_TRUE(x.strides() == row_major_strides(x.shape()));
}

// A network's gradients have the layout of its parameters and the values that row-major planes give.
TEST(ChannelsLast, ChangesNoGradient) {
  const Tensor x = random({3, 4, 11, 10}), target = random({3, 6});
  Variable w(random({8, 4, 3, 3})), v(random({6, 8, 3, 3})), scale(random({8})), shift(random({8}));
  const auto all_gradients = [&](ChannelsLast choice) {
    const Layout layout(choice);
    const Tensor y = max_pool2d(relu(batch_norm(conv2d(x, w.value()), scale.value(), shift.value()).y), 2);
    const Tensor loss =
        mean(square(global_avg_pool2d(conv2d(y, v.value(), {.stride = 2})) - reshape(target, {3, 6, 1, 1})));
    std::vector<Tensor> all = gradients(loss, {w.value(), v.value(), scale.value(), shift.value()});
    eval(all);
    return all;
  };
  for (Variable* p : {&w, &v, &scale, &shift}) p->set_requires_grad(true);
  const std::vector<Tensor> got = all_gradients(ChannelsLast::Always), want = all_gradients(ChannelsLast::Never);
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_TRUE(got[i].strides() == row_major_strides(got[i].shape())) << i;
    const std::vector<float> a = got[i].to_vector<float>(), b = want[i].to_vector<float>();
    for (size_t k = 0; k < a.size(); ++k) ASSERT_NEAR(a[k], b[k], 1e-5) << "gradient " << i << ", element " << k;
  }
}

// Packs of channels where there are such: overlapping windows, maxima and averages, gradients of their elements.
TEST(ChannelsLast, ChangesNoGradientOfPools) {
  for (const DType dtype : {DType::F32, DType::BF16})
    for (const int64_t channels : {6, 8}) {
      const Tensor x = random({2, 3, 10, 9}, dtype), w = random({channels, 3, 2, 2}, dtype);
      const auto pools = [](const std::vector<Tensor>& in) {
        return std::vector<Tensor>{max_pool2d(in[0], 3, {.stride = 2, .padding = 1}),
                                   avg_pool2d(in[0], {2, 3}, {.stride = 1})};
      };
      const auto slopes = [&](ChannelsLast choice) {
        const Layout layout(choice);
        const Tensor y = conv2d(x, w);
        const Vjp both = vjp(pools, {y});
        const Tensor dy = both.pullback({both.outputs[0] * 2, both.outputs[1] + 1})[0];
        eval({y, dy});
        return dy;
      };
      const Tensor got = slopes(ChannelsLast::Always), want = slopes(ChannelsLast::Never);
      EXPECT_TRUE(got.strides() == last(got)) << channels;
      EXPECT_EQ(cast(got, DType::F32).to_vector<float>(), cast(want, DType::F32).to_vector<float>()) << channels;
    }
}

// Nothing is copied from one layout to the other but the input and the weights, and these once.
TEST(ChannelsLast, CopiesInputAndWeights) {
  const Tensor x = random({2, 4, 9, 9}), w = random({4, 4, 3, 3});
  const auto step = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{max_pool2d(relu(conv2d(relu(conv2d(in[0], in[1])), in[1])), 2)};
  };
  const auto copies = [&](ChannelsLast choice) {
    const Layout layout(choice);
    const std::string plan = explain(
        [&](const Tensor& a, const Tensor& b) {
          const Vjp both = vjp(step, {a, b});
          return both.pullback({ones_like(both.outputs[0])});
        },
        x, w);
    const std::regex copy("[0-9]+\\. Copy");
    return std::distance(std::sregex_iterator(plan.begin(), plan.end(), copy), std::sregex_iterator());
  };
  EXPECT_EQ(copies(ChannelsLast::Always), 2);
  EXPECT_EQ(copies(ChannelsLast::Never), 0);
}

}  // namespace
}  // namespace nngpu
