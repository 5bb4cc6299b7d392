#include "nngpu/nn/models.h"

#include "nn/describe.h"
#include "nn/run_checkpointed.h"
#include "nngpu/nn/activations.h"
#include "nngpu/nn/init.h"
#include "nngpu/ops.h"

namespace nngpu::nn::models {
namespace {

// A convolution without bias, as torchvision initialises it.
Conv2d convolution(int64_t in, int64_t out, int64_t kernel, int64_t stride) {
  Conv2d layer(in, out, {.kernel = kernel, .stride = stride, .padding = kernel / 2, .bias = false});
  layer.weight.assign(init::kaiming_normal(layer.weight.shape(), 0, init::Fan::Out));
  return layer;
}

// What both blocks share: a shortcut that is converted where shapes change.
class ResidualBlock : public Module {
 protected:
  void shortcut(int64_t in, int64_t out, int64_t stride) {
    if (stride == 1 && in == out) return;
    register_module("downsample", Sequential(convolution(in, out, 1, stride), BatchNorm2d(out)));
    converts_ = true;
  }
  Tensor add_shortcut(const Tensor& x, const Tensor& y) const {
    return relu(y + (converts_ ? child("downsample")(x) : x));
  }

 private:
  bool converts_ = false;
};

class BasicBlock : public ResidualBlock {
 public:
  static constexpr int64_t kExpansion = 1;
  BasicBlock(int64_t in, int64_t width, int64_t stride)
      : conv1(register_module("conv1", convolution(in, width, 3, stride))),
        bn1(register_module("bn1", BatchNorm2d(width))),
        conv2(register_module("conv2", convolution(width, width, 3, 1))),
        bn2(register_module("bn2", BatchNorm2d(width))) {
    shortcut(in, width, stride);
  }
  Tensor forward(const Tensor& x) const override { return add_shortcut(x, bn2(conv2(relu(bn1(conv1(x)))))); }

 private:
  Conv2d conv1;
  BatchNorm2d bn1;
  Conv2d conv2;
  BatchNorm2d bn2;
};

class Bottleneck : public ResidualBlock {
 public:
  static constexpr int64_t kExpansion = 4;
  Bottleneck(int64_t in, int64_t width, int64_t stride)
      : conv1(register_module("conv1", convolution(in, width, 1, 1))),
        bn1(register_module("bn1", BatchNorm2d(width))),
        conv2(register_module("conv2", convolution(width, width, 3, stride))),
        bn2(register_module("bn2", BatchNorm2d(width))),
        conv3(register_module("conv3", convolution(width, width * kExpansion, 1, 1))),
        bn3(register_module("bn3", BatchNorm2d(width * kExpansion))) {
    shortcut(in, width * kExpansion, stride);
  }
  Tensor forward(const Tensor& x) const override {
    return add_shortcut(x, bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))));
  }

 private:
  Conv2d conv1;
  BatchNorm2d bn1;
  Conv2d conv2;
  BatchNorm2d bn2;
  Conv2d conv3;
  BatchNorm2d bn3;
};

// One stage: `count` blocks, the first with the stride.
template <class Block>
Sequential stage_of(int64_t in, int64_t width, int64_t count, int64_t stride) {
  Sequential stage;
  for (int64_t i = 0; i < count; ++i) {
    stage.push_back(Block(i == 0 ? in : width * Block::kExpansion, width, i == 0 ? stride : 1));
  }
  return stage;
}

Sequential stage_of(ResNet::Block block, int index, int64_t count) {
  const int64_t width = int64_t{64} << index, stride = index == 0 ? 1 : 2;
  const bool basic = block == ResNet::Block::Basic;
  const int64_t expansion = basic ? BasicBlock::kExpansion : Bottleneck::kExpansion;
  const int64_t in = index == 0 ? 64 : width / 2 * expansion;
  return basic ? stage_of<BasicBlock>(in, width, count, stride) : stage_of<Bottleneck>(in, width, count, stride);
}

}  // namespace

Sequential mlp(const std::vector<int64_t>& sizes) {
  if (sizes.size() < 2) fail<ValueError>("mlp", "needs sizes of an input and an output: ", sizes.size(), " given");
  Sequential model;
  for (size_t i = 1; i < sizes.size(); ++i) {
    model.push_back(Linear(sizes[i - 1], sizes[i]));
    if (i + 1 < sizes.size()) model.push_back(ReLU());
  }
  return model;
}

Sequential lenet(const LenetOptions& options) {
  const int64_t size = options.image_size;
  if (size != 28 && size != 32) fail<ValueError>("lenet", "images of 28 or 32, not of ", size);
  return Sequential(Conv2d(options.channels, 6, {.kernel = 5, .padding = size == 28 ? 2 : 0}), ReLU(),
                    MaxPool2d(2), Conv2d(6, 16, {.kernel = 5}), ReLU(), MaxPool2d(2), Flatten(),
                    Linear(16 * 5 * 5, 120), ReLU(), Linear(120, 84), ReLU(), Linear(84, options.classes));
}

namespace {

// Checked before the first of them is built.
const std::vector<int64_t>& four_stages(const std::vector<int64_t>& layers) {
  if (layers.size() != 4) fail<ValueError>("ResNet", "needs the blocks of 4 stages: ", layers.size(), " given");
  require_positive("ResNet", {layers[0], layers[1], layers[2], layers[3]});
  return layers;
}

}  // namespace

ResNet::ResNet(Block block, const std::vector<int64_t>& layers, const ResNetOptions& options)
    : conv1(register_module("conv1", options.small_images ? convolution(options.channels, 64, 3, 1)
                                                          : convolution(options.channels, 64, 7, 2))),
      bn1(register_module("bn1", BatchNorm2d(64))),
      layer1(register_module("layer1", stage_of(block, 0, four_stages(layers)[0]))),
      layer2(register_module("layer2", stage_of(block, 1, layers[1]))),
      layer3(register_module("layer3", stage_of(block, 2, layers[2]))),
      layer4(register_module("layer4", stage_of(block, 3, layers[3]))),
      fc(register_module("fc", Linear(block == Block::Basic ? 512 : 2048, options.classes))),
      pool_(!options.small_images),
      checkpoint_(options.checkpoint) {}

Tensor ResNet::run_stage(const Sequential& stage, const Tensor& x) const {
  if (!checkpoint_) return stage(x);
  Tensor y = x;
  for (size_t i = 0; i < stage.size(); ++i) y = run_checkpointed(checkpoint_, stage, i, y);
  return y;
}

Tensor ResNet::forward(const Tensor& x) const {
  const auto stem = [conv = conv1, bn = bn1](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{relu(bn(conv(in[0])))};
  };
  Tensor y = checkpoint_ && is_training() ? checkpoint(stem)({x})[0] : stem({x})[0];
  if (pool_) y = max_pool2d(y, 3, {.stride = 2, .padding = 1});
  for (const Sequential* stage : {&layer1, &layer2, &layer3}) y = run_stage(*stage, y);
  y = layer4(y);  // small, and needed at once: to compute it again would save nothing
  return fc(flatten(global_avg_pool2d(y), 1));
}

ResNet resnet18(const ResNetOptions& options) { return ResNet(ResNet::Block::Basic, {2, 2, 2, 2}, options); }
ResNet resnet50(const ResNetOptions& options) { return ResNet(ResNet::Block::Bottleneck, {3, 4, 6, 3}, options); }

}  // namespace nngpu::nn::models
