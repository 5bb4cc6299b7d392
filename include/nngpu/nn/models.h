// Models that are ready to train, with the parameter names of their known implementations, so that files of
// weights fit: torchvision's for residual networks, nanoGPT's for the language model.
#ifndef NNGPU_NN_MODELS_H_
#define NNGPU_NN_MODELS_H_

#include "nngpu/nn/containers.h"
#include "nngpu/nn/convolution.h"
#include "nngpu/nn/dropout.h"
#include "nngpu/nn/layers.h"
#include "nngpu/nn/normalization.h"

namespace nngpu::nn::models {

// Linear layers with rectifiers between them: mlp({784, 128, 10}) has two.
Sequential mlp(const std::vector<int64_t>& sizes);

// LeNet-5 (LeCun et al., 1998) with rectifiers and maxima: (n, channels, 28, 28) -> (n, classes). 32x32 images
// with image_size = 32.
struct LenetOptions {
  int64_t channels = 1, classes = 10, image_size = 28;
};
Sequential lenet(const LenetOptions& options = {});

struct ResNetOptions {
  int64_t classes = 1000, channels = 3;
  // For images of about 32x32: the first convolution is 3x3 without stride, and there is no pooling after it.
  bool small_images = false;
  // In training, what lies inside the residual blocks (but for the last stage's) and before them is computed again
  // for the gradient instead of being stored: less memory for more time.
  bool checkpoint = false;
};
// Residual networks (He et al., 2016) as torchvision builds them: (n, channels, h, w) -> (n, classes).
class ResNet : public Module {
 public:
  enum class Block { Basic, Bottleneck };
  ResNet(Block block, const std::vector<int64_t>& layers, const ResNetOptions& options);
  Tensor forward(const Tensor& x) const override;

  Conv2d conv1;
  BatchNorm2d bn1;
  Sequential layer1, layer2, layer3, layer4;
  Linear fc;

 private:
  Tensor run_stage(const Sequential& stage, const Tensor& x) const;
  bool pool_, checkpoint_;
};
ResNet resnet18(const ResNetOptions& options = {});
ResNet resnet50(const ResNetOptions& options = {});

// A language model of the GPT-2 kind (Radford et al., 2019) as nanoGPT builds it: tokens (n, length) of integers
// -> logits (n, length, vocabulary) for the token after each. The embedding and the last layer share their weight.
struct GptOptions {
  int64_t vocabulary = 65, context = 256;  // the longest sequence
  int64_t layers = 4, heads = 4, size = 128;
  double dropout = 0;
  bool bias = true;
  bool checkpoint = false;  // of each block, as in ResNetOptions
  Generator generator = default_generator();
};
class Gpt : public Module {
 public:
  explicit Gpt(const GptOptions& options = {});
  Tensor forward(const Tensor& tokens) const override;
};
inline Gpt gpt(const GptOptions& options = {}) { return Gpt(options); }

}  // namespace nngpu::nn::models

#endif  // NNGPU_NN_MODELS_H_
