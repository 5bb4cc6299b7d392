// What users get wrong with networks: each a typed error that names what was called and the values.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "nngpu/nngpu.h"
#include "ops/expect_error.h"

namespace nngpu::nn {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A device that is not the default one.
Device elsewhere() {
  return default_device().type == DeviceType::CPU ? device_from_name("sim") : device_from_name("cpu");
}
Tensor away(const Shape& shape, DType dtype = DType::F32) { return ones(shape, dtype).to(elsewhere()); }
// The end of the text where a tensor here meets one there, in the order of the operands.
std::string here_and_there() { return to_string(default_device()) + " and " + to_string(elsewhere()); }
std::string there_and_here() { return to_string(elsewhere()) + " and " + to_string(default_device()); }

Tensor integers(const std::vector<int64_t>& values) {
  return Tensor::from_vector<int64_t>(values, {static_cast<int64_t>(values.size())});
}

TEST(NetworkErrors, NothingIsThere) {
  const Tensor none, x = ones({2, 3});
  EXPECT_ERROR(ValueError, Linear(3, 4)(none), "[matmul] tensor is undefined");
  EXPECT_ERROR(ValueError, Bilinear(3, 3, 4)(none), "[einsum] tensor is undefined");
  EXPECT_ERROR(ValueError, Conv2d(3, 4, {.kernel = 3})(none), "[conv2d] tensor is undefined");
  EXPECT_ERROR(ValueError, MaxPool2d(2)(none), "[max_pool2d] tensor is undefined");
  EXPECT_ERROR(ValueError, AdaptiveAvgPool2d(2)(none), "[adaptive_avg_pool2d] tensor is undefined");
  EXPECT_ERROR(ValueError, BatchNorm2d(3)(none), "[BatchNorm2d] tensor is undefined");
  EXPECT_ERROR(ValueError, GroupNorm(1, 3)(none), "[GroupNorm] tensor is undefined");
  EXPECT_ERROR(ValueError, InstanceNorm2d(3)(none), "[InstanceNorm2d] tensor is undefined");
  EXPECT_ERROR(ValueError, LayerNorm(3)(none), "[layer_norm] tensor is undefined");
  EXPECT_ERROR(ValueError, RMSNorm(3)(none), "[rms_norm] tensor is undefined");
  EXPECT_ERROR(ValueError, MultiHeadAttention(8, 2)(none), "[MultiHeadAttention] tensor is undefined");
  EXPECT_ERROR(ValueError, MultiHeadAttention(8, 2)(ones({1, 3, 8}), none, none),
               "[MultiHeadAttention] tensor is undefined");
  EXPECT_ERROR(ValueError, Dropout()(none), "[dropout] tensor is undefined");
  EXPECT_ERROR(ValueError, ReLU()(none), "[relu] tensor is undefined");
  EXPECT_ERROR(ValueError, relu6(none), "[relu6] tensor is undefined");
  EXPECT_ERROR(ValueError, mish(none), "[mish] tensor is undefined");
  EXPECT_ERROR(ValueError, prelu(x, none), "[prelu] tensor is undefined");
  EXPECT_ERROR(ValueError, digamma(none), "[digamma] tensor is undefined");
  EXPECT_ERROR(ValueError, mse_loss(none, x), "[mse_loss] tensor is undefined");
  EXPECT_ERROR(ValueError, cosine_similarity(x, none), "[cosine_similarity] tensor is undefined");
  EXPECT_ERROR(ValueError, Lambda(nullptr), "[Lambda] there is no function");
  EXPECT_ERROR(ValueError, TransformerEncoderLayer(8, 2, {.activation = nullptr}),
               "[TransformerEncoderLayer] there is no activation");
  const Linear plain(2, 2, {.bias = false});
  EXPECT_ERROR(ValueError, plain.bias.value(), "[Variable] is undefined");
  EXPECT_ERROR(ValueError, plain.bias.grad(), "[Variable] is undefined");
}

TEST(NetworkErrors, WrongShapes) {
  const Tensor x = ones({2, 3}), map = ones({1, 3, 5, 5}), sequence = ones({2, 3, 8});
  EXPECT_ERROR(ShapeError, Linear(3, 4)(ones({2, 4})), "[matmul] inner dimensions differ: (2, 4) x (3, 4)");
  EXPECT_ERROR(ShapeError, Bilinear(3, 3, 2)(x, ones({2, 4})), "[einsum] sizes of subscript 'j' differ: 3 and 4");
  EXPECT_ERROR(ShapeError, Residual(Linear(3, 4))(x), "[add] shapes do not broadcast: (2, 3) and (2, 4)");
  EXPECT_ERROR(ShapeError, Conv2d(3, 4, {.kernel = 3})(x), "[conv2d] needs maps of 4 or 3 dimensions: (2, 3)");
  EXPECT_ERROR(ShapeError, Conv2d(2, 4, {.kernel = 3})(map),
               "[conv2d] channels do not fit: the kernel (4, 2, 3, 3) takes 2 in 1 groups, the input has 3");
  EXPECT_ERROR(ShapeError, Conv2d(3, 4, {.kernel = 9})(map),
               "[conv2d] the kernel is larger than the padded input: (9, 9) with dilation (1, 1) on (5, 5) with "
               "padding (0, 0) and (0, 0)");
  EXPECT_ERROR(ShapeError, MaxPool2d(2)(x), "[max_pool2d] needs maps of 4 or 3 dimensions: (2, 3)");
  EXPECT_ERROR(ShapeError, conv2d(map, ones({4, 3, 3, 3}), ones({5})),
               "[conv2d] needs a bias of shape (4,): (5,)");
  EXPECT_ERROR(ShapeError, fold(ones({1, 4, 3}), 4, 2),
               "[fold] columns (1, 4, 3) do not fit 9 windows of 4 elements");
  EXPECT_ERROR(ShapeError, BatchNorm1d(3)(zeros({0, 3})),
               "[BatchNorm1d] a channel of no elements has no variance to train by: (0, 3)");
  EXPECT_ERROR(ShapeError, GroupNorm(1, 3)(ones({3})), "[GroupNorm] an input of shape (3,) for 3 channels");
  EXPECT_ERROR(ShapeError, instance_norm(x, ones({2})), "[instance_norm] weight must have shape (3,): (2,)");
  EXPECT_ERROR(ShapeError, layer_norm(x, Shape{2}), "[layer_norm] (2,) are not the trailing axes of (2, 3)");
  EXPECT_ERROR(ShapeError, prelu(x, ones({2})), "[prelu] weight of shape (2,) does not fit axis 1 of (2, 3)");
  EXPECT_ERROR(ShapeError, glu(x), "[glu] axis 1 cannot be halved: (2, 3)");
  const MultiHeadAttention attention(8, 2);
  EXPECT_ERROR(ShapeError, attention(ones({2, 3})), "[MultiHeadAttention] an input of shape (2, 3) for size 8");
  EXPECT_ERROR(ShapeError, attention(ones({1, 3, 8}), sequence, sequence),
               "[MultiHeadAttention] batches differ: (1, 3, 8), (2, 3, 8), (2, 3, 8)");
  EXPECT_EQ(attention(sequence, ones({1, 4, 8}), ones({1, 4, 8})).shape(), sequence.shape());
  EXPECT_ERROR(ShapeError, hinge_loss(x, ones({2})),
               "[hinge_loss] prediction and target differ in shape: (2, 3) and (2,)");
  EXPECT_ERROR(ShapeError, models::lenet()(ones({1, 1, 32, 32})),
               "[matmul] inner dimensions differ: (1, 576) x (400, 120)");
  EXPECT_ERROR(ShapeError, summary(Linear(3, 4), {2, 4}), "[matmul] inner dimensions differ: (2, 4) x (3, 4)");
}

TEST(NetworkErrors, WrongTypes) {
  const Tensor whole = zeros({2, 3}, DType::I32);
  EXPECT_ERROR(DTypeError, requires_grad(whole), "[requires_grad] gradients need a floating dtype: i32");
  EXPECT_ERROR(DTypeError, Variable(whole, true), "[Variable] gradients need a floating dtype: i32");
  EXPECT_ERROR(DTypeError, Variable(whole).set_requires_grad(true),
               "[Variable] gradients need a floating dtype: i32");
  EXPECT_ERROR(DTypeError, Embedding(3, 2)(ones({1})), "[take] indices must be integers: f32");
  EXPECT_ERROR(DTypeError, models::gpt()(ones({1, 3})), "[take] indices must be integers: f32");
  EXPECT_ERROR(DTypeError, MaxPool2d(2)(zeros({1, 1, 4, 4}, DType::I32)),
               "[max_pool2d] needs a floating dtype: i32");
  EXPECT_ERROR(DTypeError, nll_loss(ones({2, 3}), ones({2})), "[nll_loss] indices must be integers: f32");
  EXPECT_ERROR(DTypeError, layer_norm(ones({2, 3}), 1, zeros({3}, DType::I32)),
               "[layer_norm] weight needs a floating dtype: i32");
  EXPECT_ERROR(DTypeError, Linear(2, 2).weight.assign(ones({2, 2}, DType::F64)),
               "[Variable] cannot assign f64 to f32");
}

TEST(NetworkErrors, WrongOptions) {
  EXPECT_ERROR(ValueError, MultiHeadAttention(8, 0), "[MultiHeadAttention] sizes must be positive: (8, 0)");
  EXPECT_ERROR(ValueError, MultiHeadAttention(8, 2, {.dropout = 2}), "[MultiHeadAttention] no probability: 2");
  EXPECT_ERROR(ValueError, Dropout(kNan), "[Dropout] no probability: nan");
  EXPECT_ERROR(ValueError, BatchNorm1d(3, {.momentum = 2}), "[BatchNorm1d] momentum must lie in [0, 1]: 2");
  EXPECT_ERROR(ValueError, BatchNorm1d(3, {.momentum = kNan}), "[BatchNorm1d] momentum must lie in [0, 1]: nan");
  EXPECT_ERROR(ValueError, BatchNorm1d(3, {.epsilon = -1})(ones({2, 3})), "[batch_norm] no epsilon: -1");
  EXPECT_ERROR(ValueError, Conv2d(3, 4, {.kernel = 3, .stride = 0})(ones({1, 3, 5, 5})),
               "[conv2d] stride must be positive: (0, 0)");
  EXPECT_ERROR(ValueError, MaxPool2d(0)(ones({1, 1, 4, 4})), "[max_pool2d] the window must be positive: (0, 0)");
  EXPECT_ERROR(ValueError, Hardtanh(2, 1)(ones({1})), "[hardtanh] no interval: low 2, high 1");
  EXPECT_ERROR(ValueError, celu(ones({1}), 0), "[celu] alpha must not be 0: 0");
  EXPECT_ERROR(IndexError, Softmax(9)(ones({2, 3})), "[softmax] axis out of range: 9 of 2 dimensions");
  EXPECT_ERROR(ValueError, Sequential(ReLU())[3], "[Module] Sequential has no submodule '3'");
  using models::ResNet;
  EXPECT_ERROR(ValueError, ResNet(ResNet::Block::Basic, {1, 1}, {}),
               "[ResNet] needs the blocks of 4 stages: 2 given");
  EXPECT_ERROR(ValueError, ResNet(ResNet::Block::Basic, {1, 1, 0, 1}, {}),
               "[ResNet] sizes must be positive: (1, 1, 0, 1)");
  EXPECT_ERROR(ValueError, models::gpt({.layers = 0}), "[Gpt] sizes must be positive: (65, 256, 0, 4, 128)");
  EXPECT_ERROR(ValueError, init::normal({2}, 0, -1), "[normal] no distribution: mean 0, stddev -1");
  const Tensor x = ones({2, 3});
  EXPECT_ERROR(ValueError, huber_loss(x, x, {.delta = kNan}), "[huber_loss] delta must be positive: nan");
  EXPECT_ERROR(ValueError, kl_divergence(x, x, {.batch_mean = true, .reduction = Reduction::Sum}),
               "[kl_divergence] batch_mean is a reduction of its own: leave the other at its default");
}

TEST(NetworkErrors, LabelsOutOfRange) {
  const Tensor x = ones({2, 3});
  EXPECT_ERROR(IndexError, cross_entropy(x, integers({0, 3})).eval(),
               "[gather] index 3 is out of range for axis 1 of size 3");
  EXPECT_THROW(cross_entropy(x, integers({0, -1})).eval(), IndexError);
  EXPECT_ERROR(IndexError, Embedding(3, 2)(integers({3})).eval(),
               "[take] index 3 is out of range for axis 0 of size 3");
  EXPECT_ERROR(IndexError, models::gpt({.vocabulary = 5})(reshape(integers({7}), {1, 1})).eval(),
               "[take] index 7 is out of range for axis 0 of size 5");
  // In a compiled step, too, where the parameters stay what they were.
  const Linear layer(3, 3);
  optim::SGD optimizer(layer.parameters(), {.lr = 1});
  const auto step = compile([&](const Tensor& in, const Tensor& labels) {
    const Tensor loss = cross_entropy(layer(in), labels);
    backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  });
  step(x, integers({0, 1})).eval();
  EXPECT_THROW(step(x, integers({0, 3})).eval(), IndexError);
}

TEST(NetworkErrors, MixedDevices) {
  const Tensor x = ones({2, 3});
  const std::string copy = ": copy one of them";
  EXPECT_ERROR(DeviceError, Linear(3, 4)(away({2, 3})), "[matmul] tensors are on " + there_and_here() + copy);
  EXPECT_ERROR(DeviceError, Conv2d(3, 4, {.kernel = 3})(away({1, 3, 5, 5})),
               "[convolution] tensors are on " + there_and_here() + copy);
  EXPECT_ERROR(DeviceError, Embedding(3, 2)(away({1}, DType::I64)),
               "[take] tensors are on " + here_and_there() + copy);
  EXPECT_ERROR(DeviceError, cross_entropy(x, away({2}, DType::I64)),
               "[gather] tensors are on " + here_and_there() + copy);
  EXPECT_ERROR(DeviceError, mse_loss(x, away({2, 3})), "[subtract] tensors are on " + here_and_there() + copy);
  EXPECT_ERROR(DeviceError, prelu(away({2, 3}), ones({3})),
               "[multiply] tensors are on " + there_and_here() + copy);
  EXPECT_THROW(BatchNorm1d(3)(away({2, 3})), DeviceError);
  EXPECT_THROW(LayerNorm(3)(away({2, 3})), DeviceError);
  EXPECT_THROW(MultiHeadAttention(8, 2)(away({2, 3, 8})), DeviceError);
  EXPECT_THROW(scaled_dot_product_attention(x, away({2, 3}), x), DeviceError);
  EXPECT_ERROR(DeviceError, Linear(2, 2).weight.assign(away({2, 2})),
               "[Variable] cannot assign a tensor on " + to_string(elsewhere()) + " to one on " +
                   to_string(default_device()) + ": copy it with to(device)");
  EXPECT_THROW(Linear(2, 2).to(Device{DeviceType::Sim, 99}), DeviceError);
}

// A probability that is none: the loss says so, rather than being that of the nearest one.
TEST(NetworkErrors, ProbabilitiesOutOfRangeGiveNan) {
  const Tensor p = Tensor::from_vector<float>({-0.5f, 0, 0.25f, 1, 1.5f}, {5});
  const std::vector<double> loss =
      binary_cross_entropy(p, ones({5}), {.reduction = Reduction::None}).to_vector<double>();
  EXPECT_TRUE(std::isnan(loss[0]) && std::isnan(loss[4]));
  EXPECT_EQ(loss[1], 100);
  EXPECT_NEAR(loss[2], std::log(4), 1e-6);
  EXPECT_EQ(loss[3], 0);
}

}  // namespace
}  // namespace nngpu::nn
