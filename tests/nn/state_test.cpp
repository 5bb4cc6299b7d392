// Files of a model's state: what is written reads back, and what does not fit leaves the model as it was.
#include "nngpu/nn/state.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "nngpu/io.h"
#include "nngpu/nn.h"
#include "nngpu/ops.h"
#include "ops/expect_error.h"

namespace nngpu::nn {
namespace {

namespace fs = std::filesystem;
using Floats = std::vector<float>;

class StateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("nngpu_state_" + std::to_string(::getpid()) + "_" +
                                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  fs::path folder_;
};

Sequential model_of(int64_t hidden) {
  return Sequential(Conv2d(1, 4, {.kernel = 3}), BatchNorm2d(4), ReLU(), Flatten(), Linear(4 * 36, hidden),
                    Linear(hidden, 2));
}

TEST_F(StateTest, Roundtrip) {
  const Sequential model = model_of(5), other = model_of(5);
  const Tensor x = randn({3, 1, 8, 8});
  model(x).eval();  // moves the running statistics
  save(model, path("m.safetensors"), {{"epoch", "3"}});
  EXPECT_NE(model(x).to_vector<float>(), other(x).to_vector<float>());
  const LoadResult result = load(other, path("m.safetensors"));
  EXPECT_EQ(result.metadata.at("epoch"), "3");
  for (const auto& [name, variable] : model.state()) {
    if (name.find("running") != std::string::npos || name.find("tracked") != std::string::npos) continue;
    EXPECT_EQ(variable.value().to_vector<float>(), other.variable(name).value().to_vector<float>()) << name;
  }
  load(model, path("m.safetensors"));
  model.eval();
  other.eval();
  EXPECT_EQ(model(x).to_vector<float>(), other(x).to_vector<float>());
  EXPECT_EQ(other.variable("1.num_batches_tracked").value().item<int64_t>(), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);  // no temporaries are left
}

TEST_F(StateTest, NamesAndShapesArePyTorchs) {
  save(model_of(5), path("m"));
  const auto tensors = io::read_safetensors(path("m")).tensors;
  const std::map<std::string, Shape> expected = {{"0.weight", {4, 1, 3, 3}},
                                                 {"0.bias", {4}},
                                                 {"1.weight", {4}},
                                                 {"1.bias", {4}},
                                                 {"1.running_mean", {4}},
                                                 {"1.running_var", {4}},
                                                 {"1.num_batches_tracked", {}},
                                                 {"4.weight", {5, 144}},
                                                 {"4.bias", {5}},
                                                 {"5.weight", {2, 5}},
                                                 {"5.bias", {2}}};
  ASSERT_EQ(tensors.size(), expected.size());
  for (const auto& [name, shape] : expected) {
    ASSERT_TRUE(tensors.count(name)) << name;
    EXPECT_EQ(tensors.at(name).shape(), shape) << name;
  }
}

TEST_F(StateTest, ConvertsToTheModelsDtype) {
  const Linear model(3, 2);
  save(model, path("m"));
  const Linear half(3, 2);
  half.to(DType::F16);
  load(half, path("m"));
  EXPECT_EQ(half.weight.dtype(), DType::F16);
  EXPECT_EQ(half.weight.value().to_vector<float>(), cast(model.weight.value(), DType::F16).to_vector<float>());
}

TEST_F(StateTest, WhatDoesNotFit) {
  const Sequential model(Linear(3, 2), Linear(2, 1));
  const Floats before = model.variable("0.weight").value().to_vector<float>();
  const auto write = [&](const std::map<std::string, Tensor>& tensors) {
    io::write_safetensors(path("m"), tensors);
  };
  const std::string where = "[load] " + path("m") + ": ";
  write({{"0.weight", zeros({2, 3})}, {"0.bias", zeros({2})}, {"1.weight", zeros({1, 2})}});
  EXPECT_ERROR(IOError, load(model, path("m")), where + "the file lacks '1.bias'");
  const LoadResult loose = load(model, path("m"), {.strict = false});
  EXPECT_EQ(loose.missing, (std::vector<std::string>{"1.bias"}));
  EXPECT_EQ(model.variable("0.weight").value().to_vector<float>(), Floats(6, 0));
  model.variable("0.weight").assign(Tensor::from_vector(before, {2, 3}));
  write({{"0.weight", zeros({2, 3})},
         {"0.bias", zeros({2})},
         {"1.weight", zeros({2, 2})},
         {"1.bias", zeros({1})},
         {"x", ones({1})}});
  EXPECT_ERROR(IOError, load(model, path("m")), where + "'1.weight' has shape (2, 2), the model's is (1, 2)");
  EXPECT_ERROR(IOError, load(model, path("m"), {.strict = false}),
               where + "'1.weight' has shape (2, 2), the model's is (1, 2)");
  write({{"0.weight", zeros({2, 3})},
         {"0.bias", zeros({2})},
         {"1.weight", zeros({1, 2})},
         {"1.bias", zeros({1})},
         {"x", ones({1})}});
  EXPECT_ERROR(IOError, load(model, path("m")), where + "the model has no 'x'");
  EXPECT_EQ(model.variable("0.weight").value().to_vector<float>(), before);
  EXPECT_EQ(load(model, path("m"), {.strict = false}).unexpected, (std::vector<std::string>{"x"}));
  EXPECT_THROW(load(model, path("absent")), IOError);
}

}  // namespace
}  // namespace nngpu::nn
