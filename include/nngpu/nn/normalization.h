// Normalization layers over the operations of nngpu/normalization.h. Weights start at 1, biases at 0.
#ifndef NNGPU_NN_NORMALIZATION_H_
#define NNGPU_NN_NORMALIZATION_H_

#include <optional>

#include "nngpu/nn/module.h"

namespace nngpu::nn {

struct BatchNormOptions {
  double epsilon = 1e-5;
  std::optional<double> momentum = 0.1;  // share of the newest batch in the statistics; nullopt: plain averages
  bool affine = true;                    // weight and bias
  bool track_running_stats = true;       // otherwise evaluation, too, uses the batch
};

// What BatchNorm1d and BatchNorm2d share. In training, normalizes every channel (axis 1) by the batch, and moves
// the buffers running_mean, running_var (by the unbiased variance) and num_batches_tracked; in evaluation
// normalizes by the buffers. ShapeError in training if a channel has less than two elements; ValueError for a
// momentum outside of [0, 1].
class BatchNorm : public Module {
 public:
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight, bias;                                    // (channels,); undefined unless affine
  Variable running_mean, running_var, num_batches_tracked;  // undefined unless tracked

 protected:
  BatchNorm(const char* name, int64_t channels, const BatchNormOptions& options, int low_rank, int high_rank);

 private:
  void track(const Tensor& mean, const Tensor& variance, int64_t count) const;
  const char* name_;
  int64_t channels_;
  BatchNormOptions options_;
  int low_rank_, high_rank_;
};

// (n, channels) or (n, channels, length).
class BatchNorm1d : public BatchNorm {
 public:
  explicit BatchNorm1d(int64_t channels, const BatchNormOptions& options = {})
      : BatchNorm("BatchNorm1d", channels, options, 2, 3) {}
};
// (n, channels, height, width).
class BatchNorm2d : public BatchNorm {
 public:
  explicit BatchNorm2d(int64_t channels, const BatchNormOptions& options = {})
      : BatchNorm("BatchNorm2d", channels, options, 4, 4) {}
};

struct LayerNormOptions {
  double epsilon = 1e-5;
  bool affine = true;
  bool bias = true;
};
// Over the trailing axes, of the given sizes.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options = {});
  explicit LayerNorm(int64_t size, const LayerNormOptions& options = {}) : LayerNorm(Shape{size}, options) {}
  explicit LayerNorm(int size, const LayerNormOptions& options = {}) : LayerNorm(Shape{size}, options) {}
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight, bias;

 private:
  Shape shape_;
  double epsilon_;
};

// x / sqrt(mean of squares + epsilon) * weight over the last axis.
class RMSNorm : public Module {
 public:
  explicit RMSNorm(int64_t size, double epsilon = 1e-5);
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight;

 private:
  double epsilon_;
};

struct ChannelNormOptions {
  double epsilon = 1e-5;
  bool affine = true;
};
// Each sample's channels (axis 1) in equal groups.
class GroupNorm : public Module {
 public:
  GroupNorm(int64_t groups, int64_t channels, const ChannelNormOptions& options = {});
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight, bias;

 private:
  int64_t groups_, channels_;
  double epsilon_;
};

// Every channel of every sample of (n, channels, height, width) by itself; without weights by default.
class InstanceNorm2d : public Module {
 public:
  explicit InstanceNorm2d(int64_t channels,
                          const ChannelNormOptions& options = {.epsilon = 1e-5, .affine = false});
  Tensor forward(const Tensor& x) const override;
  std::string describe() const override;

  Variable weight, bias;

 private:
  int64_t channels_;
  double epsilon_;
};

}  // namespace nngpu::nn

#endif  // NNGPU_NN_NORMALIZATION_H_
