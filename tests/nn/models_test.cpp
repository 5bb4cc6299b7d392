// The models: names and shapes of the known implementations, numbers of parameters, shapes of results.
#include "nngpu/nn/models.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nngpu/nn.h"
#include "nngpu/ops.h"
#include "ops/expect_error.h"

namespace nngpu::nn::models {
namespace {

TEST(Models, Mlp) {
  const Sequential model = mlp({784, 128, 10});
  EXPECT_EQ(model.parameter_count(), 784 * 128 + 128 + 1280 + 10);
  EXPECT_EQ(model(ones({3, 784})).shape(), (Shape{3, 10}));
  EXPECT_ERROR(ValueError, mlp({3}), "[mlp] needs sizes of an input and an output: 1 given");
}

TEST(Models, Lenet) {
  EXPECT_EQ(lenet().parameter_count(), 61706);  // the count everyone quotes for LeNet-5 with full connections
  EXPECT_EQ(lenet()(ones({2, 1, 28, 28})).shape(), (Shape{2, 10}));
  EXPECT_EQ(lenet({.channels = 3, .image_size = 32})(ones({2, 3, 32, 32})).shape(), (Shape{2, 10}));
  EXPECT_THROW(lenet({.image_size = 30}), ValueError);
}

TEST(Models, ResNet18IsTorchvisions) {
  const ResNet model = resnet18();
  EXPECT_EQ(model.parameter_count(), 11689512);
  EXPECT_EQ(model.state().size(), 122u);
  EXPECT_EQ(model.variable("conv1.weight").shape(), (Shape{64, 3, 7, 7}));
  EXPECT_EQ(model.variable("layer1.0.conv1.weight").shape(), (Shape{64, 64, 3, 3}));
  EXPECT_EQ(model.variable("layer2.0.downsample.0.weight").shape(), (Shape{128, 64, 1, 1}));
  EXPECT_EQ(model.variable("layer2.0.downsample.1.running_var").shape(), (Shape{128}));
  EXPECT_EQ(model.variable("layer4.1.bn2.num_batches_tracked").shape(), (Shape{}));
  EXPECT_EQ(model.variable("fc.weight").shape(), (Shape{1000, 512}));
  const Summary table = summary(model, {1, 3, 224, 224});
  EXPECT_EQ(table.parameters, 11689512);
  const auto output_of = [&](const std::string& name) {
    for (const Summary::Row& row : table.rows)
      if (row.name == name) return row.output;
    return Shape{};
  };
  EXPECT_EQ(output_of("layer1"), (Shape{1, 64, 56, 56}));
  EXPECT_EQ(output_of("layer4.1.conv2"), (Shape{1, 512, 7, 7}));
  EXPECT_EQ(output_of("fc"), (Shape{1, 1000}));
}

TEST(Models, ResNet50IsTorchvisions) {
  const ResNet model = resnet50();
  EXPECT_EQ(model.parameter_count(), 25557032);
  EXPECT_EQ(model.state().size(), 320u);
  EXPECT_EQ(model.variable("layer1.0.downsample.0.weight").shape(), (Shape{256, 64, 1, 1}));
  EXPECT_EQ(model.variable("layer4.2.conv3.weight").shape(), (Shape{2048, 512, 1, 1}));
  EXPECT_EQ(summary(model, {2, 3, 64, 64}).rows[0].output, (Shape{2, 1000}));
}

TEST(Models, ResNetForSmallImages) {
  const ResNet model = resnet18({.classes = 10, .small_images = true});
  EXPECT_EQ(model.parameter_count(), 11173962);  // the count quoted for ResNet-18 on CIFAR-10
  const Tensor y = model(randn({2, 3, 32, 32}));
  EXPECT_EQ(y.shape(), (Shape{2, 10}));
  for (float v : y.to_vector<float>()) EXPECT_TRUE(std::isfinite(v));
}

TEST(Models, GptIsNanoGpts) {
  const Gpt model = gpt({.vocabulary = 65, .context = 16, .layers = 2, .heads = 2, .size = 8});
  EXPECT_EQ(model.variable("transformer.wte.weight").shape(), (Shape{65, 8}));
  EXPECT_EQ(model.variable("transformer.wpe.weight").shape(), (Shape{16, 8}));
  EXPECT_EQ(model.variable("transformer.h.0.attn.c_attn.weight").shape(), (Shape{24, 8}));
  EXPECT_EQ(model.variable("transformer.h.1.mlp.c_proj.weight").shape(), (Shape{8, 32}));
  EXPECT_EQ(model.variable("transformer.h.1.ln_2.bias").shape(), (Shape{8}));
  EXPECT_EQ(model.variable("transformer.ln_f.weight").shape(), (Shape{8}));
  EXPECT_EQ(model.variable("lm_head.weight").cell(), model.variable("transformer.wte.weight").cell());
  // nanoGPT's count: 12 size^2 + 13 size a block, the embeddings, the last normalization.
  EXPECT_EQ(model.parameter_count(), 2 * (12 * 64 + 13 * 8) + 65 * 8 + 16 * 8 + 16);
  const Tensor tokens = randint(0, 65, {3, 10});
  const Tensor logits = model(tokens);
  EXPECT_EQ(logits.shape(), (Shape{3, 10, 65}));
  const Tensor changed = concatenate({slice(tokens, 1, 0, 7), randint(0, 65, {3, 3})}, 1);
  const std::vector<float> a = slice(logits, 1, 0, 7).to_vector<float>();
  const std::vector<float> b = slice(model(changed), 1, 0, 7).to_vector<float>();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
  EXPECT_ERROR(ShapeError, model(randint(0, 65, {1, 17})), "[Gpt] tokens of shape (1, 17) for a context of 16");
  EXPECT_THROW(gpt({.heads = 3}), ValueError);
}

TEST(Models, Gpt2HasItsSize) {
  // GPT-2 small has 124,439,808 parameters; a hundredth of its width keeps the test small.
  const auto count = [](int64_t v, int64_t t, int64_t l, int64_t d) {
    return v * d + t * d + l * (12 * d * d + 13 * d) + 2 * d;
  };
  EXPECT_EQ(count(50257, 1024, 12, 768), 124439808);
  EXPECT_EQ(gpt({.vocabulary = 100, .context = 32, .layers = 3, .heads = 4, .size = 16}).parameter_count(),
            count(100, 32, 3, 16));
}

}  // namespace
}  // namespace nngpu::nn::models
