#include "nngpu/scheduler.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/fail.h"

namespace nngpu::optim {
namespace {

double power(double base, int64_t exponent) { return std::pow(base, static_cast<double>(exponent)); }

// From `from` at 0 to `to` at 1.
double cosine(double from, double to, double part) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * part));
}
double line(double from, double to, double part) { return from + (to - from) * part; }

void require_positive(const char* scheduler, const char* option, int64_t value) {
  if (value < 1) fail<ValueError>(scheduler, option, " must be positive: ", value);
}
void require_factor(const char* scheduler, const char* option, double value) {
  if (!(value >= 0)) fail<ValueError>(scheduler, option, " must not be negative: ", value);
}

void require_schedulers(const char* scheduler, const Optimizer& optimizer,
                        const std::vector<std::shared_ptr<Scheduler>>& schedulers) {
  if (schedulers.empty()) fail<ValueError>(scheduler, "there are no schedulers");
  for (const auto& one : schedulers) {
    if (one == nullptr) fail<ValueError>(scheduler, "a scheduler is null");
    if (&one->optimizer() != &optimizer) fail<ValueError>(scheduler, "a scheduler is of another optimizer");
  }
}

}  // namespace

void Scheduler::set_step(int64_t step) {
  if (step < 0) fail<ValueError>("Scheduler", "steps count from 0: ", step);
  step_ = step;
  for (size_t i = 0; i < optimizer_->group_count(); ++i)
    optimizer_->set_lr(i, rate(optimizer_->initial_lr(i), step, i));
}

std::vector<double> Scheduler::last_lr() const {
  std::vector<double> rates;
  for (size_t i = 0; i < optimizer_->group_count(); ++i) rates.push_back(optimizer_->lr(i));
  return rates;
}

LambdaLR::LambdaLR(Optimizer& optimizer, std::function<double(int64_t)> function)
    : Scheduler(optimizer), function_(std::move(function)) {
  if (!function_) fail<ValueError>("LambdaLR", "there is no function");
  start();
}
double LambdaLR::rate(double base, int64_t step, size_t) const { return base * function_(step); }

StepLR::StepLR(Optimizer& optimizer, const Options& options) : SchedulerOf(optimizer, options) {
  require_positive("StepLR", "step_size", options.step_size);
  require_factor("StepLR", "gamma", options.gamma);
  start();
}
double StepLR::rate(double base, int64_t step, size_t) const {
  return base * power(options_.gamma, step / options_.step_size);
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, const Options& options) : SchedulerOf(optimizer, options) {
  require_factor("MultiStepLR", "gamma", options.gamma);
  if (!std::is_sorted(options.milestones.begin(), options.milestones.end()))
    fail<ValueError>("MultiStepLR", "milestones must ascend");
  start();
}
double MultiStepLR::rate(double base, int64_t step, size_t) const {
  const auto& milestones = options_.milestones;
  return base *
         power(options_.gamma, std::upper_bound(milestones.begin(), milestones.end(), step) - milestones.begin());
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, const Options& options) : SchedulerOf(optimizer, options) {
  require_factor("ExponentialLR", "gamma", options.gamma);
  start();
}
double ExponentialLR::rate(double base, int64_t step, size_t) const { return base * power(options_.gamma, step); }

PolynomialLR::PolynomialLR(Optimizer& optimizer, const Options& options) : SchedulerOf(optimizer, options) {
  require_positive("PolynomialLR", "total_iters", options.total_iters);
  require_factor("PolynomialLR", "power", options.power);
  start();
}
double PolynomialLR::rate(double base, int64_t step, size_t) const {
  const double part =
      static_cast<double>(std::min(step, options_.total_iters)) / static_cast<double>(options_.total_iters);
  return base * std::pow(1 - part, options_.power);
}

LinearLR::LinearLR(Optimizer& optimizer, const Options& options) : SchedulerOf(optimizer, options) {
  require_positive("LinearLR", "total_iters", options.total_iters);
  require_factor("LinearLR", "start_factor", options.start_factor);
  require_factor("LinearLR", "end_factor", options.end_factor);
  start();
}
double LinearLR::rate(double base, int64_t step, size_t) const {
  const double part =
      static_cast<double>(std::min(step, options_.total_iters)) / static_cast<double>(options_.total_iters);
  return base * line(options_.start_factor, options_.end_factor, part);
}

ConstantLR::ConstantLR(Optimizer& optimizer, const Options& options) : SchedulerOf(optimizer, options) {
  require_factor("ConstantLR", "factor", options.factor);
  require_factor("ConstantLR", "total_iters", static_cast<double>(options.total_iters));
  start();
}
double ConstantLR::rate(double base, int64_t step, size_t) const {
  return step < options_.total_iters ? base * options_.factor : base;
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, const Options& options)
    : SchedulerOf(optimizer, options) {
  require_positive("CosineAnnealingLR", "T_max", options.T_max);
  require_factor("CosineAnnealingLR", "eta_min", options.eta_min);
  start();
}
double CosineAnnealingLR::rate(double base, int64_t step, size_t) const {
  return cosine(base, options_.eta_min, static_cast<double>(step) / static_cast<double>(options_.T_max));
}

CosineAnnealingWarmRestarts::CosineAnnealingWarmRestarts(Optimizer& optimizer, const Options& options)
    : SchedulerOf(optimizer, options) {
  require_positive("CosineAnnealingWarmRestarts", "T_0", options.T_0);
  require_positive("CosineAnnealingWarmRestarts", "T_mult", options.T_mult);
  require_factor("CosineAnnealingWarmRestarts", "eta_min", options.eta_min);
  start();
}
double CosineAnnealingWarmRestarts::rate(double base, int64_t step, size_t) const {
  int64_t period = options_.T_0;
  if (options_.T_mult == 1) step %= period;
  for (; step >= period; period *= options_.T_mult) step -= period;
  return cosine(base, options_.eta_min, static_cast<double>(step) / static_cast<double>(period));
}

OneCycleLR::OneCycleLR(Optimizer& optimizer, const Options& options) : SchedulerOf(optimizer, options) {
  require_positive("OneCycleLR", "total_steps", options.total_steps);
  require_factor("OneCycleLR", "max_lr", options.max_lr);
  if (!(options.pct_start >= 0 && options.pct_start <= 1))
    fail<ValueError>("OneCycleLR", "pct_start must be between 0 and 1: ", options.pct_start);
  if (!(options.div_factor > 0 && options.final_div_factor > 0))
    fail<ValueError>("OneCycleLR", "divisors must be positive: ", options.div_factor, " and ",
                     options.final_div_factor);
  start();
}
double OneCycleLR::rate(double base, int64_t step, size_t) const {
  const double most = options_.max_lr > 0 ? options_.max_lr : base;
  const double first = most / options_.div_factor, last = first / options_.final_div_factor;
  const double total = static_cast<double>(options_.total_steps), at = static_cast<double>(step);
  const double up = options_.pct_start * total - 1;
  const double down = options_.three_phase ? 2 * options_.pct_start * total - 2 : total - 1;
  const auto blend = options_.linear ? line : cosine;
  const auto phase = [&](double from, double to, double begin, double end) {
    return blend(from, to, end > begin ? std::min(1.0, (at - begin) / (end - begin)) : 1.0);
  };
  if (at <= up) return phase(first, most, 0, up);
  if (at <= down || !options_.three_phase) return phase(most, options_.three_phase ? first : last, up, down);
  return phase(first, last, down, total - 1);
}

CyclicLR::CyclicLR(Optimizer& optimizer, const Options& options) : SchedulerOf(optimizer, options) {
  require_positive("CyclicLR", "step_size_up", options.step_size_up);
  require_factor("CyclicLR", "step_size_down", static_cast<double>(options.step_size_down));
  require_factor("CyclicLR", "base_lr", options.base_lr);
  require_factor("CyclicLR", "gamma", options.gamma);
  if (!(options.max_lr > 0 && options.max_lr >= options.base_lr))
    fail<ValueError>("CyclicLR", "max_lr must be positive and not below base_lr: ", options.max_lr, " and ",
                     options.base_lr);
  start();
}
double CyclicLR::rate(double, int64_t step, size_t) const {
  const int64_t up = options_.step_size_up, down = options_.step_size_down > 0 ? options_.step_size_down : up;
  const int64_t cycle = step / (up + down), within = step % (up + down);
  const double height = within <= up ? static_cast<double>(within) / static_cast<double>(up)
                                     : static_cast<double>(up + down - within) / static_cast<double>(down);
  double scale = 1;
  if (options_.mode == CyclicMode::Triangular2) scale = power(0.5, cycle);
  if (options_.mode == CyclicMode::ExpRange) scale = power(options_.gamma, step);
  return options_.base_lr + (options_.max_lr - options_.base_lr) * height * scale;
}

ChainedScheduler::ChainedScheduler(Optimizer& optimizer, std::vector<std::shared_ptr<Scheduler>> schedulers)
    : Scheduler(optimizer), schedulers_(std::move(schedulers)) {
  require_schedulers("ChainedScheduler", optimizer, schedulers_);
  start();
}
double ChainedScheduler::rate(double base, int64_t step, size_t group) const {
  for (const auto& scheduler : schedulers_) base = scheduler->rate(base, step, group);
  return base;
}

SequentialLR::SequentialLR(Optimizer& optimizer, std::vector<std::shared_ptr<Scheduler>> schedulers,
                           std::vector<int64_t> milestones)
    : Scheduler(optimizer), schedulers_(std::move(schedulers)), milestones_(std::move(milestones)) {
  require_schedulers("SequentialLR", optimizer, schedulers_);
  if (milestones_.size() + 1 != schedulers_.size())
    fail<ValueError>("SequentialLR", "needs one milestone less than schedulers: ", milestones_.size(), " and ",
                     schedulers_.size());
  if (!std::is_sorted(milestones_.begin(), milestones_.end()))
    fail<ValueError>("SequentialLR", "milestones must ascend");
  start();
}
double SequentialLR::rate(double base, int64_t step, size_t group) const {
  const auto next = std::upper_bound(milestones_.begin(), milestones_.end(), step);
  const int64_t since = next == milestones_.begin() ? 0 : *(next - 1);
  return schedulers_[static_cast<size_t>(next - milestones_.begin())]->rate(base, step - since, group);
}

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const ReduceLROnPlateauOptions& options)
    : optimizer_(&optimizer),
      options_(options),
      best_(options.maximize ? -std::numeric_limits<double>::infinity()
                             : std::numeric_limits<double>::infinity()) {
  if (!(options.factor >= 0 && options.factor < 1))
    fail<ValueError>("ReduceLROnPlateau", "factor must be at least 0 and below 1: ", options.factor);
  require_factor("ReduceLROnPlateau", "patience", static_cast<double>(options.patience));
  require_factor("ReduceLROnPlateau", "cooldown", static_cast<double>(options.cooldown));
  require_factor("ReduceLROnPlateau", "threshold", options.threshold);
  require_factor("ReduceLROnPlateau", "min_lr", options.min_lr);
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const double sign = options_.maximize ? 1 : -1;
  if (!options_.relative) return sign * metric > sign * best_ + options_.threshold;
  if (std::isinf(best_)) return sign * metric > sign * best_;
  return sign * metric > sign * (best_ * (1 + sign * options_.threshold));
}

void ReduceLROnPlateau::step(double metric) {
  if (is_better(metric)) {
    best_ = metric;
    bad_steps_ = 0;
  } else {
    ++bad_steps_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_steps_ = 0;
  }
  if (bad_steps_ <= options_.patience) return;
  for (size_t i = 0; i < optimizer_->group_count(); ++i) {
    const double old = optimizer_->lr(i), next = std::max(old * options_.factor, options_.min_lr);
    if (old - next > options_.eps) optimizer_->set_lr(i, next);
  }
  cooling_ = options_.cooldown;
  bad_steps_ = 0;
}

}  // namespace nngpu::optim
