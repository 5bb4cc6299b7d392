#include <algorithm>
#include <cmath>

#include "optim/adam.h"

namespace nngpu::optim {
namespace {

detail::GroupStart start(const MuonOptions& o) {
  detail::require_range("Muon", "momentum", o.momentum, 0, 1);
  detail::require_not_negative("Muon", "weight_decay", o.weight_decay);
  detail::require_not_negative("Muon", "eps", o.eps);
  detail::require_range("Muon", "ns_steps", o.ns_steps, 1, 100);
  detail::require_not_negative("Muon", "adamw_lr_scale", o.adamw_lr_scale);
  detail::require_betas("Muon", o.adamw_betas);
  detail::require_not_negative("Muon", "adamw_eps", o.adamw_eps);
  detail::require_not_negative("Muon", "adamw_weight_decay", o.adamw_weight_decay);
  using Owners = detail::GroupStart::Owners;
  return {"Muon",
          {{"momentum_buffer", 0, Owners::Matrices},
           {"exp_avg", 0, Owners::Others},
           {"exp_avg_sq", 0, Owners::Others}}};
}

double adjustment(const MuonOptions& o, const Shape& shape) {
  const auto rows = static_cast<double>(shape[0]), columns = static_cast<double>(shape[1]);
  if (o.adjust_lr == MuonAdjust::Original) return std::sqrt(std::max(1.0, rows / columns));
  return 0.2 * std::sqrt(std::max(rows, columns));
}

// Nearly the orthogonal factor of the polar decomposition: singular values go to about 1.
Tensor orthogonalized(const MuonOptions& o, const Tensor& matrix) {
  const bool tall = matrix.size(0) > matrix.size(1);
  const auto [a, b, c] = o.ns_coefficients;
  Tensor x = tall ? transpose(matrix) : matrix;
  x = x / maximum(norm(x), o.eps);
  for (int i = 0; i < o.ns_steps; ++i) {
    const Tensor gram = matmul(x, transpose(x));
    x = x * a + matmul(gram * b + matmul(gram, gram) * c, x);
  }
  return tall ? transpose(x) : x;
}

}  // namespace

Muon::Muon(std::vector<Variable> parameters, Options options)
    : Muon(std::vector<ParameterGroup<Options>>{{std::move(parameters), options}}) {}
Muon::Muon(std::vector<ParameterGroup<Options>> groups)
    : OptimizerOf(detail::starts_of(groups, start), detail::options_of(groups)) {}

void Muon::update(size_t index, detail::Group& group) {
  const Options& o = options_[index];
  const Tensor rate = group.rate.value();
  const Tensor kept = group.number(1) - rate * group.number(o.weight_decay);
  const Tensor rest = group.number(1 - o.momentum);
  const Tensor adamw_rate = o.adamw_lr_scale == 1 ? rate : rate * group.number(o.adamw_lr_scale);
  const detail::AdamNumbers numbers(group, group.next_step(), o.adamw_betas, o.adamw_eps, o.adamw_weight_decay,
                                    adamw_rate);
  const detail::AdamForm form{o.adamw_weight_decay != 0, true, false};
  detail::for_each_gradient(
      group, false, [&](const detail::Parameter& parameter, const Tensor& p, const Tensor& g) {
        const auto n = [&](const Tensor& number) { return detail::number_for(parameter, number); };
        if (p.rank() != 2) return group.store(parameter, detail::adam_step(group, parameter, numbers, form, p, g));
        const Variable& buffer = parameter.state[0];
        const Tensor old = buffer.value();
        const Tensor b = group.store(buffer, old + (g - old) * n(rest));
        // Nesterov: g + (b - g) momentum.
        const Tensor direction = orthogonalized(o, o.nesterov ? b + (g - b) * n(rest) : b);
        group.store(parameter, p * n(kept) - direction * (n(rate) * adjustment(o, p.shape())));
      });
}

}  // namespace nngpu::optim
