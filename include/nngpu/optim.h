// Optimizers. The formulas and the names of options are PyTorch's.
//
// An optimizer takes parameters (Variables of floating dtype) and updates them from their gradients. Everything
// that changes from step to step is a Variable (learning rates, counters, moments), so step() works inside
// compile() and nothing is traced again when it changes. The updates of all parameters of a group run as one
// launch.
//
//   optim::AdamW optimizer(parameters, {.lr = 1e-3, .weight_decay = 0.01});
//   backward(loss);
//   optimizer.step();
//   optimizer.zero_grad();
//
// State has the parameter's dtype; parameters of half types have state and a master copy in f32 from which they
// are rounded. Parameters without a gradient are left as they are. Step counters are counted a group. Copies of an
// optimizer share its state.
//
// Errors: ValueError for options out of range, for undefined and repeated parameters; DeviceError for parameters
// on different devices; DTypeError for parameters that are not floating; IndexError for a group that is not there.
#ifndef NNGPU_OPTIM_H_
#define NNGPU_OPTIM_H_

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nngpu/tensor.h"

namespace nngpu::optim {

namespace detail {
struct Group;
struct GroupStart;
}  // namespace detail

// Parameters that share options.
template <class Options>
struct ParameterGroup {
  std::vector<Variable> parameters;
  Options options;
};

using nngpu::NamedVariables;

class Optimizer {
 public:
  virtual ~Optimizer();

  // Updates the parameters that have a gradient.
  void step();
  // The same, but where `skip` (one bool) is true parameters and state stay as they are. Nothing is read on the
  // host.
  void step_unless(const Tensor& skip);
  // Forgets the gradients.
  void zero_grad();

  size_t group_count() const { return groups_.size(); }
  const std::vector<Variable>& parameters(size_t group = 0) const;
  // The learning rate of a group; set_lr without one sets that of all groups. The rate at construction is kept for
  // schedulers.
  double lr(size_t group = 0) const;
  void set_lr(double lr);
  void set_lr(size_t group, double lr);
  double initial_lr(size_t group = 0) const;

  // What has to be saved and assigned to go on later: "group.0.step", "state.3.exp_avg" (parameters are numbered
  // through all groups), "state.3.master" of a half type.
  NamedVariables state() const;

 protected:
  explicit Optimizer(std::vector<detail::GroupStart> groups);
  Optimizer(const Optimizer&) = default;
  Optimizer& operator=(const Optimizer&) = default;
  virtual void update(size_t index, detail::Group& group) = 0;
  detail::Group& group_at(size_t index) const;  // IndexError

 private:
  std::vector<std::shared_ptr<detail::Group>> groups_;
};

// An optimizer of one kind of options.
template <class OptionsType>
class OptimizerOf : public Optimizer {
 public:
  using Options = OptionsType;
  const Options& options(size_t group = 0) const {
    group_at(group);
    return options_[group];
  }

 protected:
  OptimizerOf(std::vector<detail::GroupStart> starts, std::vector<Options> options);
  std::vector<Options> options_;
};

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
};
// b = momentum b + (1 - dampening) g (b = g at first); p -= lr b, with Nesterov lr (g + momentum b).
class SGD : public OptimizerOf<SGDOptions> {
 public:
  explicit SGD(std::vector<Variable> parameters, Options options = {});
  explicit SGD(std::vector<ParameterGroup<Options>> groups);

 private:
  void update(size_t index, detail::Group& group) override;
};

struct AdamOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  bool maximize = false;
};
// Kingma and Ba, "Adam: a method for stochastic optimization" (2015); weight decay is added to the gradient.
class Adam : public OptimizerOf<AdamOptions> {
 public:
  explicit Adam(std::vector<Variable> parameters, Options options = {});
  explicit Adam(std::vector<ParameterGroup<Options>> groups);

 private:
  void update(size_t index, detail::Group& group) override;
};

struct AdamWOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.01;
  bool amsgrad = false;
  bool maximize = false;
};
// Loshchilov and Hutter, "Decoupled weight decay regularization" (2019).
class AdamW : public OptimizerOf<AdamWOptions> {
 public:
  explicit AdamW(std::vector<Variable> parameters, Options options = {});
  explicit AdamW(std::vector<ParameterGroup<Options>> groups);

 private:
  void update(size_t index, detail::Group& group) override;
};

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
  bool maximize = false;
};
// Hinton's lecture 6e of "Neural networks for machine learning"; centered as in Graves, arXiv:1308.0850.
class RMSprop : public OptimizerOf<RMSpropOptions> {
 public:
  explicit RMSprop(std::vector<Variable> parameters, Options options = {});
  explicit RMSprop(std::vector<ParameterGroup<Options>> groups);

 private:
  void update(size_t index, detail::Group& group) override;
};

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  double eps = 1e-10;
  bool maximize = false;
};
// Duchi, Hazan and Singer, "Adaptive subgradient methods" (2011).
class Adagrad : public OptimizerOf<AdagradOptions> {
 public:
  explicit Adagrad(std::vector<Variable> parameters, Options options = {});
  explicit Adagrad(std::vector<ParameterGroup<Options>> groups);

 private:
  void update(size_t index, detail::Group& group) override;
};

struct NAdamOptions {
  double lr = 2e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum_decay = 4e-3;
  bool decoupled_weight_decay = false;
  bool maximize = false;
};
// Dozat, "Incorporating Nesterov momentum into Adam" (2016).
class NAdam : public OptimizerOf<NAdamOptions> {
 public:
  explicit NAdam(std::vector<Variable> parameters, Options options = {});
  explicit NAdam(std::vector<ParameterGroup<Options>> groups);

 private:
  void update(size_t index, detail::Group& group) override;
};

struct LionOptions {
  double lr = 1e-4;
  std::array<double, 2> betas = {0.9, 0.99};
  double weight_decay = 0;
  bool maximize = false;
};
// Chen et al., "Symbolic discovery of optimization algorithms" (2023); weight decay is decoupled.
class Lion : public OptimizerOf<LionOptions> {
 public:
  explicit Lion(std::vector<Variable> parameters, Options options = {});
  explicit Lion(std::vector<ParameterGroup<Options>> groups);

 private:
  void update(size_t index, detail::Group& group) override;
};

struct LAMBOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-6;
  double weight_decay = 0;
  bool maximize = false;
};
// You et al., "Large batch optimization for deep learning" (2020): Adam's step with weight decay, u, scaled by
// |p| / |u| for each parameter (by 1 where one of them is 0).
class LAMB : public OptimizerOf<LAMBOptions> {
 public:
  explicit LAMB(std::vector<Variable> parameters, Options options = {});
  explicit LAMB(std::vector<ParameterGroup<Options>> groups);

 private:
  void update(size_t index, detail::Group& group) override;
};

enum class MuonAdjust {
  Original,       // lr * sqrt(max(1, rows / columns))
  MatchRmsAdamW,  // lr * 0.2 * sqrt(max(rows, columns))
};
struct MuonOptions {
  double lr = 1e-3;
  double weight_decay = 0.1;
  double momentum = 0.95;
  bool nesterov = true;
  std::array<double, 3> ns_coefficients = {3.4445, -4.7750, 2.0315};
  double eps = 1e-7;
  int ns_steps = 5;
  MuonAdjust adjust_lr = MuonAdjust::Original;
  // AdamW for the parameters that are no matrices; their rate is lr * adamw_lr_scale.
  double adamw_lr_scale = 1;
  std::array<double, 2> adamw_betas = {0.9, 0.95};
  double adamw_eps = 1e-8;
  double adamw_weight_decay = 0;
};
// Jordan et al. (2024): the momentum of a matrix, made nearly orthogonal by Newton-Schulz iterations (in the
// state's dtype), is the direction of the step. Other parameters are updated by AdamW.
class Muon : public OptimizerOf<MuonOptions> {
 public:
  explicit Muon(std::vector<Variable> parameters, Options options = {});
  explicit Muon(std::vector<ParameterGroup<Options>> groups);

 private:
  void update(size_t index, detail::Group& group) override;
};

// --- Gradients ------------------------------------------------------------------------------------------------

// Scales the gradients so that the norm of all of them together (order `norm_type`: positive or infinity) is at
// most max_norm, by max_norm / (norm + 1e-6) where that is below 1. Returns the norm before, rank 0, in f32 (f64
// if a gradient is); nothing is read on the host. Without any gradient 0. DeviceError for gradients on different
// devices.
Tensor clip_grad_norm_(const std::vector<Variable>& parameters, double max_norm, double norm_type = 2);
// Clamps every element of the gradients to [-clip_value, clip_value].
void clip_grad_value_(const std::vector<Variable>& parameters, double clip_value);

// --- Averages of weights --------------------------------------------------------------------------------------

// average = decay average + (1 - decay) parameter, from the parameters' values at construction. Half types are
// averaged in f32.
class ExponentialMovingAverage {
 public:
  explicit ExponentialMovingAverage(std::vector<Variable> parameters, double decay = 0.999);
  // After each step of the optimizer; one launch; works inside compile().
  void update();
  // Puts the averages in the parameters' place, and back. Throws ValueError if that is done already.
  void apply();
  void restore();
  const std::vector<Variable>& averages() const { return averages_; }

 private:
  std::vector<Variable> parameters_, averages_;
  std::vector<Tensor> saved_;
  double decay_;
};

}  // namespace nngpu::optim

#endif  // NNGPU_OPTIM_H_
