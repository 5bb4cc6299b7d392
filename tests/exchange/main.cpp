// nngpu_exchange: what weights_with_torch.py asks of this library.
//
//   nngpu_exchange save MODEL FILE                a fresh model whose running statistics have moved
//   nngpu_exchange run MODEL WEIGHTS X Y          Y = the model of those weights, in evaluation, of X, in X's
//   dtype
//
// X and Y are safetensors files of one tensor of that name in small letters.
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "nngpu/autograd.h"
#include "nngpu/io.h"
#include "nngpu/nn.h"
#include "nngpu/ops.h"

namespace {

using namespace nngpu;

std::shared_ptr<nn::Module> make(const std::string& name) {
  using namespace nn::models;
  if (name == "lenet") return std::make_shared<nn::Sequential>(lenet());
  if (name == "lenet32") return std::make_shared<nn::Sequential>(lenet({.channels = 3, .image_size = 32}));
  if (name == "resnet18") return std::make_shared<ResNet>(resnet18());
  if (name == "resnet18_small") {
    return std::make_shared<ResNet>(resnet18({.classes = 10, .small_images = true}));
  }
  if (name == "resnet50") return std::make_shared<ResNet>(resnet50());
  throw std::invalid_argument("no model is called " + name);
}

Shape input_of(const std::string& name) {
  if (name == "lenet") return {4, 1, 28, 28};
  return {4, 3, 32, 32};
}

void save(const std::string& name, const std::string& path) {
  const auto model = make(name);
  const NoGrad untracked;
  for (int turn = 0; turn < 2; ++turn) (*model)(normal(input_of(name), 0.5, 2)).eval();
  nn::save(*model, path);
}

void run(const std::string& name, const std::string& weights, const std::string& x, const std::string& y) {
  const auto model = make(name);
  const Tensor input = io::read_safetensors(x).tensors.at("x");
  model->to(input.dtype());
  nn::load(*model, weights);
  model->eval();
  const NoGrad untracked;
  io::write_safetensors(y, {{"y", (*model)(input)}});
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() == 3 && words[0] == "save") {
      save(words[1], words[2]);
    } else if (words.size() == 5 && words[0] == "run") {
      run(words[1], words[2], words[3], words[4]);
    } else {
      throw std::invalid_argument("usage: nngpu_exchange save MODEL FILE | run MODEL WEIGHTS X Y");
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nngpu_exchange: %s\n", error.what());
    return 1;
  }
}
