// Convolution and pooling layers over the operations of nngpu/convolution.h. Parameters start as PyTorch's do:
// uniform within 1 / sqrt(inputs of one output).
#ifndef NNGPU_NN_CONVOLUTION_H_
#define NNGPU_NN_CONVOLUTION_H_

#include "nngpu/convolution.h"
#include "nngpu/nn/module.h"
#include "nngpu/random.h"

namespace nngpu::nn {

// (n, in, length) -> (n, out, length'). weight (out, in / groups, kernel), bias (out,).
class Conv1d : public Module {
 public:
  struct Options {
    int64_t kernel = 1, stride = 1, padding = 0, dilation = 1, groups = 1;
    bool bias = true;
    PadMode padding_mode = PadMode::Constant;
    Generator generator = default_generator();  // of the initial values
  };
  Conv1d(int64_t in, int64_t out, const Options& options);
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight, bias;  // bias is undefined without one

 private:
  nngpu::Conv1dOptions options_;
};

// nn::Conv2d(3, 16, {.kernel = 3, .padding = 1}): (n, in, h, w) -> (n, out, h', w'). weight (out, in / groups, kh,
// kw).
class Conv2d : public Module {
 public:
  struct Options {
    Pair kernel = 1, stride = 1;
    Padding padding = 0;
    Pair dilation = 1;
    int64_t groups = 1;
    bool bias = true;
    PadMode padding_mode = PadMode::Constant;
    Generator generator = default_generator();
  };
  Conv2d(int64_t in, int64_t out, const Options& options);
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight, bias;

 private:
  nngpu::Conv2dOptions options_;
};

// The transposes of the convolutions. weight (in, out / groups, kernel...), bias (out,).
class ConvTranspose1d : public Module {
 public:
  struct Options {
    int64_t kernel = 1, stride = 1, padding = 0, output_padding = 0, dilation = 1, groups = 1;
    bool bias = true;
    Generator generator = default_generator();
  };
  ConvTranspose1d(int64_t in, int64_t out, const Options& options);
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight, bias;

 private:
  nngpu::ConvTranspose1dOptions options_;
};

class ConvTranspose2d : public Module {
 public:
  struct Options {
    Pair kernel = 1, stride = 1;
    Padding padding = 0;
    Pair output_padding = 0, dilation = 1;
    int64_t groups = 1;
    bool bias = true;
    Generator generator = default_generator();
  };
  ConvTranspose2d(int64_t in, int64_t out, const Options& options);
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight, bias;

 private:
  nngpu::ConvTranspose2dOptions options_;
};

// A stride of 0 is the window.
class MaxPool1d : public Module {
 public:
  explicit MaxPool1d(int64_t window, const MaxPool1dOptions& options = {}) : window_(window), options_(options) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  int64_t window_;
  MaxPool1dOptions options_;
};

class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(Pair window, const MaxPool2dOptions& options = {}) : window_(window), options_(options) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  Pair window_;
  MaxPool2dOptions options_;
};

class AvgPool1d : public Module {
 public:
  explicit AvgPool1d(int64_t window, const AvgPool1dOptions& options = {}) : window_(window), options_(options) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  int64_t window_;
  AvgPool1dOptions options_;
};

class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(Pair window, const AvgPool2dOptions& options = {}) : window_(window), options_(options) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  Pair window_;
  AvgPool2dOptions options_;
};

class AdaptiveAvgPool2d : public Module {
 public:
  explicit AdaptiveAvgPool2d(Pair size) : size_(size) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

 private:
  Pair size_;
};

}  // namespace nngpu::nn

#endif  // NNGPU_NN_CONVOLUTION_H_
