// What users get wrong with optimizers, schedulers and mixed precision.
#include <gtest/gtest.h>

#include <limits>

#include "nngpu/nngpu.h"
#include "ops/expect_error.h"

namespace nngpu::optim {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

Device elsewhere() {
  return default_device().type == DeviceType::CPU ? device_from_name("sim") : device_from_name("cpu");
}

struct Errors : ::testing::Test {
  Variable v{ones({3}), true};
  Variable away{ones({3}).to(elsewhere()), true};
  Variable whole{zeros({3}, DType::I32)};
  SGD sgd{{v}, {.lr = 0.1}};
  std::string here = to_string(default_device()), there = to_string(elsewhere());
};
using OptimizerErrors = Errors;
using SchedulerErrors = Errors;
using ScalerErrors = Errors;

TEST_F(OptimizerErrors, Parameters) {
  EXPECT_ERROR(ValueError, SGD({Variable()}), "[SGD] a parameter is undefined");
  EXPECT_ERROR(DTypeError, SGD({whole}), "[SGD] parameters must be floating: i32");
  EXPECT_ERROR(ValueError, SGD({v, v}), "[SGD] a parameter is there twice: (3,)");
  EXPECT_ERROR(DeviceError, SGD({v, away}), "[SGD] parameters are on " + here + " and " + there);
  EXPECT_ERROR(DTypeError, ExponentialMovingAverage({whole}),
               "[ExponentialMovingAverage] parameters must be floating: i32");
  EXPECT_ERROR(IndexError, sgd.parameters(3), "[optim] group 3 is out of range: there are 1");
  EXPECT_ERROR(IndexError, sgd.options(1), "[optim] group 1 is out of range: there are 1");
  EXPECT_ERROR(IndexError, sgd.lr(1), "[optim] group 1 is out of range: there are 1");
  EXPECT_ERROR(IndexError, sgd.initial_lr(1), "[optim] group 1 is out of range: there are 1");
  EXPECT_ERROR(IndexError, sgd.set_lr(1, 0.5), "[optim] group 1 is out of range: there are 1");
}

TEST_F(OptimizerErrors, Options) {
  const std::vector<Variable> one = {v};
  EXPECT_ERROR(ValueError, SGD(one, {.lr = kNan}), "[SGD] lr must be at least 0 and below inf: nan");
  EXPECT_ERROR(ValueError, SGD(one, {.dampening = kNan}), "[SGD] dampening must be finite: nan");
  EXPECT_ERROR(ValueError, RMSprop(one, {.alpha = 1.5}), "[RMSprop] alpha must be at least 0 and below 1: 1.5");
  EXPECT_ERROR(ValueError, Adagrad(one, {.lr_decay = -1}),
               "[Adagrad] lr_decay must be at least 0 and below inf: -1");
  EXPECT_ERROR(ValueError, Muon(one, {.momentum = 1.5}), "[Muon] momentum must be at least 0 and below 1: 1.5");
  EXPECT_ERROR(ValueError, sgd.set_lr(kInf), "[set_lr] lr must be at least 0 and below inf: inf");
  EXPECT_ERROR(ValueError, sgd.step_unless(ones({2})), "[step_unless] needs one bool: f32 (2,)");
}

TEST_F(OptimizerErrors, Gradients) {
  EXPECT_ERROR(ShapeError, v.set_grad(ones({2})),
               "[Variable] cannot assign a gradient of shape (2,) to shape (3,)");
  EXPECT_ERROR(ValueError, whole.set_grad(zeros({3}, DType::I32)),
               "[Variable] was not asked to collect gradients: set_requires_grad(true)");
  EXPECT_ERROR(ValueError, clip_grad_norm_({Variable()}, 1), "[Variable] is undefined");
  v.set_grad(ones({3}));
  away.set_grad(ones({3}).to(elsewhere()));
  EXPECT_ERROR(DeviceError, clip_grad_norm_({v, away}, 1),
               "[clip_grad_norm_] gradients are on " + here + " and " + there);
}

TEST_F(SchedulerErrors, Options) {
  EXPECT_ERROR(ValueError, LambdaLR(sgd, nullptr), "[LambdaLR] there is no function");
  EXPECT_ERROR(ValueError, LambdaLR(sgd, [](int64_t) { return -1.0; }),
               "[set_lr] lr must be at least 0 and below inf: -0.1");
  EXPECT_ERROR(ValueError, StepLR(sgd, {.step_size = -1}), "[StepLR] step_size must be positive: -1");
  EXPECT_ERROR(ValueError, ConstantLR(sgd, {.total_iters = -1}),
               "[ConstantLR] total_iters must not be negative: -1");
  EXPECT_ERROR(ValueError, CosineAnnealingLR(sgd, {.T_max = 0}), "[CosineAnnealingLR] T_max must be positive: 0");
  EXPECT_ERROR(ValueError, CyclicLR(sgd, {}), "[CyclicLR] max_lr must be positive and not below base_lr: 0 and 0");
  EXPECT_ERROR(ValueError, CyclicLR(sgd, {.base_lr = 2, .max_lr = 1}),
               "[CyclicLR] max_lr must be positive and not below base_lr: 1 and 2");
  EXPECT_ERROR(ValueError, ReduceLROnPlateau(sgd, {.patience = -1}),
               "[ReduceLROnPlateau] patience must not be negative: -1");
  EXPECT_ERROR(ValueError, ReduceLROnPlateau(sgd, {.threshold = kNan}),
               "[ReduceLROnPlateau] threshold must not be negative: nan");
  StepLR scheduler(sgd, {.step_size = 2});
  EXPECT_ERROR(ValueError, scheduler.set_step(-1), "[Scheduler] steps count from 0: -1");
  EXPECT_EQ(scheduler.last_step(), 0);
}

TEST_F(SchedulerErrors, SchedulersOfSchedulers) {
  SGD other({Variable(ones({1}), true)});
  const auto foreign = std::make_shared<StepLR>(other, StepLROptions{});
  const auto own = std::make_shared<StepLR>(sgd, StepLROptions{});
  EXPECT_ERROR(ValueError, ChainedScheduler(sgd, {}), "[ChainedScheduler] there are no schedulers");
  EXPECT_ERROR(ValueError, ChainedScheduler(sgd, {nullptr}), "[ChainedScheduler] a scheduler is null");
  EXPECT_ERROR(ValueError, ChainedScheduler(sgd, {own, foreign}),
               "[ChainedScheduler] a scheduler is of another optimizer");
  EXPECT_ERROR(ValueError, SequentialLR(sgd, {nullptr}, {}), "[SequentialLR] a scheduler is null");
  EXPECT_ERROR(ValueError, SequentialLR(sgd, {own, own}, {}),
               "[SequentialLR] needs one milestone less than schedulers: 0 and 2");
}

TEST_F(ScalerErrors, LossesAndDevices) {
  EXPECT_ERROR(ValueError, GradScaler({.init_scale = kInf}),
               "[GradScaler] init_scale must be positive and finite: inf");
  GradScaler scaler;
  EXPECT_ERROR(ValueError, scaler.scale(Tensor()), "[GradScaler] tensor is undefined");
  EXPECT_ERROR(DTypeError, scaler.scale(Tensor(3)), "[GradScaler] needs a floating loss: i64");
  EXPECT_ERROR(DeviceError, scaler.scale(away.value()),
               "[GradScaler] the scale is on " + here + ", what it scales on " + there);
  SGD far({away});
  EXPECT_ERROR(DeviceError, scaler.step(far),
               "[GradScaler] the scale is on " + here + ", what it scales on " + there);
  EXPECT_ERROR(ValueError, scaler.update(), "[GradScaler] no optimizer has made a step since the last update");
}

}  // namespace
}  // namespace nngpu::optim
