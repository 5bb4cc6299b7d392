// Schedulers of learning rates. The formulas and the names of options are PyTorch's; each is computed in closed
// form, on the host, from the rate that the optimizer was made with.
//
// A scheduler sets the rates of step 0 when it is made, and those of the next step at each step(). Compiled
// training steps see them without being traced again.
//
//   optim::CosineAnnealingLR scheduler(optimizer, {.T_max = 100});
//   for (...) { train(); scheduler.step(); }
//
// Errors: ValueError for options out of range and steps below 0.
#ifndef NNGPU_SCHEDULER_H_
#define NNGPU_SCHEDULER_H_

#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "nngpu/optim.h"

namespace nngpu::optim {

// The optimizer must outlive its schedulers.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  void step() { set_step(step_ + 1); }
  // Goes on at a step, as after loading a checkpoint.
  void set_step(int64_t step);
  int64_t last_step() const { return step_; }
  std::vector<double> last_lr() const;
  Optimizer& optimizer() const { return *optimizer_; }

  // The rate of a group at a step, where it would be `base` without this scheduler.
  virtual double rate(double base, int64_t step, size_t group) const = 0;

 protected:
  explicit Scheduler(Optimizer& optimizer) : optimizer_(&optimizer) {}
  // The rates of step 0; constructors end with this.
  void start() { set_step(0); }

 private:
  Optimizer* optimizer_;
  int64_t step_ = 0;
};

template <class OptionsType>
class SchedulerOf : public Scheduler {
 public:
  using Options = OptionsType;
  const Options& options() const { return options_; }

 protected:
  SchedulerOf(Optimizer& optimizer, const Options& options) : Scheduler(optimizer), options_(options) {}
  Options options_;
};

// base * function(step)
class LambdaLR : public Scheduler {
 public:
  LambdaLR(Optimizer& optimizer, std::function<double(int64_t)> function);
  double rate(double base, int64_t step, size_t group) const override;

 private:
  std::function<double(int64_t)> function_;
};

struct StepLROptions {
  int64_t step_size = 1;
  double gamma = 0.1;
};
// base * gamma^(step / step_size), the quotient rounded down.
class StepLR : public SchedulerOf<StepLROptions> {
 public:
  StepLR(Optimizer& optimizer, const Options& options);
  double rate(double base, int64_t step, size_t group) const override;
};

struct MultiStepLROptions {
  std::vector<int64_t> milestones;  // ascending
  double gamma = 0.1;
};
// base * gamma^(number of milestones at or before the step).
class MultiStepLR : public SchedulerOf<MultiStepLROptions> {
 public:
  MultiStepLR(Optimizer& optimizer, const Options& options);
  double rate(double base, int64_t step, size_t group) const override;
};

struct ExponentialLROptions {
  double gamma = 0.9;
};
class ExponentialLR : public SchedulerOf<ExponentialLROptions> {
 public:
  ExponentialLR(Optimizer& optimizer, const Options& options);
  double rate(double base, int64_t step, size_t group) const override;
};

struct PolynomialLROptions {
  int64_t total_iters = 5;
  double power = 1;
};
// base * (1 - step / total_iters)^power, then 0.
class PolynomialLR : public SchedulerOf<PolynomialLROptions> {
 public:
  PolynomialLR(Optimizer& optimizer, const Options& options = {});
  double rate(double base, int64_t step, size_t group) const override;
};

struct LinearLROptions {
  double start_factor = 1.0 / 3;
  double end_factor = 1;
  int64_t total_iters = 5;
};
// A warm-up: the factor goes from start_factor to end_factor in total_iters steps.
class LinearLR : public SchedulerOf<LinearLROptions> {
 public:
  LinearLR(Optimizer& optimizer, const Options& options = {});
  double rate(double base, int64_t step, size_t group) const override;
};

struct ConstantLROptions {
  double factor = 1.0 / 3;
  int64_t total_iters = 5;
};
// base * factor for total_iters steps, then base.
class ConstantLR : public SchedulerOf<ConstantLROptions> {
 public:
  ConstantLR(Optimizer& optimizer, const Options& options = {});
  double rate(double base, int64_t step, size_t group) const override;
};

struct CosineAnnealingLROptions {
  int64_t T_max = 1;
  double eta_min = 0;
};
// eta_min + (base - eta_min) (1 + cos(pi step / T_max)) / 2
class CosineAnnealingLR : public SchedulerOf<CosineAnnealingLROptions> {
 public:
  CosineAnnealingLR(Optimizer& optimizer, const Options& options);
  double rate(double base, int64_t step, size_t group) const override;
};

struct CosineAnnealingWarmRestartsOptions {
  int64_t T_0 = 1;     // steps of the first period
  int64_t T_mult = 1;  // how much longer each next one is
  double eta_min = 0;
};
// Loshchilov and Hutter, "SGDR" (2017).
class CosineAnnealingWarmRestarts : public SchedulerOf<CosineAnnealingWarmRestartsOptions> {
 public:
  CosineAnnealingWarmRestarts(Optimizer& optimizer, const Options& options);
  double rate(double base, int64_t step, size_t group) const override;
};

struct OneCycleLROptions {
  double max_lr = 0;  // 0: the optimizer's rate
  int64_t total_steps = 0;
  double pct_start = 0.3;
  bool linear = false;  // instead of cosine
  double div_factor = 25;
  double final_div_factor = 1e4;
  bool three_phase = false;
};
// Smith and Topin (2018): up from max_lr / div_factor, then down to that over final_div_factor, where it
// stays. Momenta do not change.
class OneCycleLR : public SchedulerOf<OneCycleLROptions> {
 public:
  OneCycleLR(Optimizer& optimizer, const Options& options);
  double rate(double base, int64_t step, size_t group) const override;
};

enum class CyclicMode { Triangular, Triangular2, ExpRange };
struct CyclicLROptions {
  double base_lr = 0;
  double max_lr = 0;
  int64_t step_size_up = 2000;
  int64_t step_size_down = 0;  // 0: as up
  CyclicMode mode = CyclicMode::Triangular;
  double gamma = 1;  // of ExpRange
};
// Smith, "Cyclical learning rates" (2017). Momenta stay.
class CyclicLR : public SchedulerOf<CyclicLROptions> {
 public:
  CyclicLR(Optimizer& optimizer, const Options& options);
  double rate(double base, int64_t step, size_t group) const override;
};

// Each scheduler changes the rate that those before it give.
class ChainedScheduler : public Scheduler {
 public:
  ChainedScheduler(Optimizer& optimizer, std::vector<std::shared_ptr<Scheduler>> schedulers);
  double rate(double base, int64_t step, size_t group) const override;

 private:
  std::vector<std::shared_ptr<Scheduler>> schedulers_;
};

// The scheduler i rules from step milestones[i - 1] on, which is its step 0. One milestone less than schedulers.
class SequentialLR : public Scheduler {
 public:
  SequentialLR(Optimizer& optimizer, std::vector<std::shared_ptr<Scheduler>> schedulers,
               std::vector<int64_t> milestones);
  double rate(double base, int64_t step, size_t group) const override;

 private:
  std::vector<std::shared_ptr<Scheduler>> schedulers_;
  std::vector<int64_t> milestones_;
};

struct ReduceLROnPlateauOptions {
  bool maximize = false;  // the metric: larger is better
  double factor = 0.1;
  int64_t patience = 10;
  double threshold = 1e-4;
  bool relative = true;  // the threshold, else absolute
  int64_t cooldown = 0;
  double min_lr = 0;
  double eps = 1e-8;  // smaller changes are not made
};
// Multiplies the rates by `factor` when the metric has not become better for more than `patience` steps. A NaN is
// never better.
class ReduceLROnPlateau {
 public:
  ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options = {});
  void step(double metric);
  double best() const { return best_; }
  int64_t bad_steps() const { return bad_steps_; }

 private:
  bool is_better(double metric) const;
  Optimizer* optimizer_;
  ReduceLROnPlateauOptions options_;
  double best_;
  int64_t bad_steps_ = 0, cooling_ = 0;
};

}  // namespace nngpu::optim

#endif  // NNGPU_SCHEDULER_H_
