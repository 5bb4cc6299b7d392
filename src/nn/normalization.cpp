#include "nngpu/nn/normalization.h"

#include "graph/node.h"
#include "nn/describe.h"
#include "nngpu/autograd.h"
#include "nngpu/normalization.h"
#include "nngpu/ops.h"

namespace nngpu::nn {
namespace {

Tensor value_or_none(const Variable& variable) { return variable.defined() ? variable.value() : Tensor(); }

void require_channels(const char* layer, const Tensor& x, int64_t channels, int low_rank, int high_rank) {
  graph::require_defined(layer, x);
  if (x.rank() < low_rank || x.rank() > high_rank || x.shape()[1] != channels) {
    fail<ShapeError>(layer, "an input of shape ", x.shape(), " for ", channels, " channels");
  }
}

}  // namespace

BatchNorm::BatchNorm(const char* name, int64_t channels, const BatchNormOptions& options, int low_rank,
                     int high_rank)
    : name_(name), channels_(channels), options_(options), low_rank_(low_rank), high_rank_(high_rank) {
  require_positive(name, {channels});
  if (options.momentum && !(*options.momentum >= 0 && *options.momentum <= 1)) {
    fail<ValueError>(name, "momentum must lie in [0, 1]: ", *options.momentum);
  }
  if (options.affine) {
    weight = register_parameter("weight", ones({channels}));
    bias = register_parameter("bias", zeros({channels}));
  }
  if (!options.track_running_stats) return;
  running_mean = register_buffer("running_mean", zeros({channels}));
  running_var = register_buffer("running_var", ones({channels}));
  num_batches_tracked = register_buffer("num_batches_tracked", zeros({}, DType::I64));
}

Tensor BatchNorm::forward(const Tensor& x) const {
  require_channels(name_, x, channels_, low_rank_, high_rank_);
  const Tensor scale = value_or_none(weight), shift = value_or_none(bias);
  if (!is_training() && options_.track_running_stats) {
    return batch_norm(x, running_mean.value(), running_var.value(), scale, shift, options_.epsilon);
  }
  const int64_t count = x.numel() / channels_;
  if (is_training() && count <= 1) {
    fail<ShapeError>(name_, "a channel of ", count == 1 ? "one element" : "no elements",
                     " has no variance to train by: ", x.shape());
  }
  const nngpu::BatchNorm result = batch_norm(x, scale, shift, options_.epsilon);
  if (is_training() && options_.track_running_stats) {
    track(stop_gradient(result.mean), stop_gradient(result.var), count);
  }
  return result.y;
}

void BatchNorm::track(const Tensor& mean, const Tensor& variance, int64_t count) const {
  const auto assign = [](Variable variable, const Tensor& value) {
    variable.assign(cast(value, variable.dtype()));
  };
  const Tensor batches = num_batches_tracked.value() + 1;
  assign(num_batches_tracked, batches);
  const Tensor share = options_.momentum ? Tensor(*options_.momentum) : 1.0 / cast(batches, running_mean.dtype());
  const double unbiased = static_cast<double>(count) / static_cast<double>(std::max<int64_t>(count - 1, 1));
  const auto moved = [&](const Variable& running, const Tensor& now) {
    const Tensor before = running.value();
    return before + (now - before) * share;
  };
  assign(running_mean, moved(running_mean, mean));
  assign(running_var, moved(running_var, variance * unbiased));
}

std::string BatchNorm::describe() const { return called(name_, channels_); }

LayerNorm::LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options)
    : shape_(normalized_shape), epsilon_(options.epsilon) {
  if (shape_.empty()) fail<ValueError>("LayerNorm", "needs an axis");
  for (int64_t size : shape_) require_positive("LayerNorm", {size});
  if (options.affine) weight = register_parameter("weight", ones(shape_));
  if (options.affine && options.bias) bias = register_parameter("bias", zeros(shape_));
}

Tensor LayerNorm::forward(const Tensor& x) const {
  return layer_norm(x, shape_, value_or_none(weight), value_or_none(bias), epsilon_);
}

std::string LayerNorm::describe() const { return called("LayerNorm", shape_); }

RMSNorm::RMSNorm(int64_t size, double epsilon) : epsilon_(epsilon) {
  require_positive("RMSNorm", {size});
  weight = register_parameter("weight", ones({size}));
}

Tensor RMSNorm::forward(const Tensor& x) const { return rms_norm(x, 1, weight.value(), epsilon_); }

std::string RMSNorm::describe() const { return called("RMSNorm", weight.shape()[0]); }

GroupNorm::GroupNorm(int64_t groups, int64_t channels, const ChannelNormOptions& options)
    : groups_(groups), channels_(channels), epsilon_(options.epsilon) {
  require_positive("GroupNorm", {groups, channels});
  if (channels % groups != 0) {
    fail<ValueError>("GroupNorm", channels, " channels cannot be divided into ", groups, " groups");
  }
  if (!options.affine) return;
  weight = register_parameter("weight", ones({channels}));
  bias = register_parameter("bias", zeros({channels}));
}

Tensor GroupNorm::forward(const Tensor& x) const {
  require_channels("GroupNorm", x, channels_, 2, kMaxRank);
  return group_norm(x, groups_, value_or_none(weight), value_or_none(bias), epsilon_);
}

std::string GroupNorm::describe() const { return called("GroupNorm", groups_, channels_); }

InstanceNorm2d::InstanceNorm2d(int64_t channels, const ChannelNormOptions& options)
    : channels_(channels), epsilon_(options.epsilon) {
  require_positive("InstanceNorm2d", {channels});
  if (!options.affine) return;
  weight = register_parameter("weight", ones({channels}));
  bias = register_parameter("bias", zeros({channels}));
}

Tensor InstanceNorm2d::forward(const Tensor& x) const {
  require_channels("InstanceNorm2d", x, channels_, 4, 4);
  return instance_norm(x, value_or_none(weight), value_or_none(bias), epsilon_);
}

std::string InstanceNorm2d::describe() const { return called("InstanceNorm2d", channels_); }

}  // namespace nngpu::nn
