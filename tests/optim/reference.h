// The optimizers' published formulas on plain doubles, one parameter at a time.
#ifndef NNGPU_TESTS_OPTIM_REFERENCE_H_
#define NNGPU_TESTS_OPTIM_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "nngpu/optim.h"

namespace nngpu::optim::reference {

using Numbers = std::vector<double>;
using State = std::map<std::string, Numbers>;
// One update of p by g at step t = 1, 2, ...
using Step = std::function<void(int t, const Shape& shape, Numbers& p, Numbers g, State& s)>;

inline Numbers& slot(State& s, const std::string& name, size_t size, double initial = 0) {
  return s.try_emplace(name, size, initial).first->second;
}

inline void prepare(Numbers& g, const Numbers& p, bool maximize, double decay) {
  for (size_t i = 0; i < g.size(); ++i) g[i] = (maximize ? -g[i] : g[i]) + decay * p[i];
}

inline Step sgd(SGDOptions o) {
  return [o](int t, const Shape&, Numbers& p, Numbers g, State& s) {
    prepare(g, p, o.maximize, o.weight_decay);
    if (o.momentum != 0) {
      Numbers& b = slot(s, "momentum_buffer", p.size());
      for (size_t i = 0; i < p.size(); ++i) {
        b[i] = t == 1 ? g[i] : o.momentum * b[i] + (1 - o.dampening) * g[i];
        g[i] = o.nesterov ? g[i] + o.momentum * b[i] : b[i];
      }
    }
    for (size_t i = 0; i < p.size(); ++i) p[i] -= o.lr * g[i];
  };
}

inline Step adam(AdamOptions o, bool decoupled) {
  return [o, decoupled](int t, const Shape&, Numbers& p, Numbers g, State& s) {
    prepare(g, p, o.maximize, decoupled ? 0 : o.weight_decay);
    Numbers& m = slot(s, "exp_avg", p.size());
    Numbers& v = slot(s, "exp_avg_sq", p.size());
    const double c1 = 1 - std::pow(o.betas[0], t), c2 = 1 - std::pow(o.betas[1], t);
    for (size_t i = 0; i < p.size(); ++i) {
      if (decoupled) p[i] *= 1 - o.lr * o.weight_decay;
      m[i] = o.betas[0] * m[i] + (1 - o.betas[0]) * g[i];
      v[i] = o.betas[1] * v[i] + (1 - o.betas[1]) * g[i] * g[i];
      double spread = v[i];
      if (o.amsgrad) {
        Numbers& most = slot(s, "max_exp_avg_sq", p.size());
        spread = most[i] = std::max(most[i], v[i]);
      }
      p[i] -= o.lr / c1 * m[i] / (std::sqrt(spread) / std::sqrt(c2) + o.eps);
    }
  };
}

inline Step rmsprop(RMSpropOptions o) {
  return [o](int, const Shape&, Numbers& p, Numbers g, State& s) {
    prepare(g, p, o.maximize, o.weight_decay);
    Numbers& v = slot(s, "square_avg", p.size());
    for (size_t i = 0; i < p.size(); ++i) {
      v[i] = o.alpha * v[i] + (1 - o.alpha) * g[i] * g[i];
      double spread = v[i];
      if (o.centered) {
        double& mean = slot(s, "grad_avg", p.size())[i];
        mean = o.alpha * mean + (1 - o.alpha) * g[i];
        spread -= mean * mean;
      }
      double direction = g[i] / (std::sqrt(spread) + o.eps);
      if (o.momentum != 0) {
        double& b = slot(s, "momentum_buffer", p.size())[i];
        direction = b = o.momentum * b + direction;
      }
      p[i] -= o.lr * direction;
    }
  };
}

inline Step adagrad(AdagradOptions o) {
  return [o](int t, const Shape&, Numbers& p, Numbers g, State& s) {
    prepare(g, p, o.maximize, o.weight_decay);
    Numbers& sum = slot(s, "sum", p.size(), o.initial_accumulator_value);
    const double rate = o.lr / (1 + (t - 1) * o.lr_decay);
    for (size_t i = 0; i < p.size(); ++i) {
      sum[i] += g[i] * g[i];
      p[i] -= rate * g[i] / (std::sqrt(sum[i]) + o.eps);
    }
  };
}

inline Step nadam(NAdamOptions o) {
  return [o](int t, const Shape&, Numbers& p, Numbers g, State& s) {
    prepare(g, p, o.maximize, o.decoupled_weight_decay ? 0 : o.weight_decay);
    Numbers& m = slot(s, "exp_avg", p.size());
    Numbers& v = slot(s, "exp_avg_sq", p.size());
    const auto mu = [&](int k) { return o.betas[0] * (1 - 0.5 * std::pow(0.96, k * o.momentum_decay)); };
    double product = 1;
    for (int k = 1; k <= t; ++k) product *= mu(k);
    for (size_t i = 0; i < p.size(); ++i) {
      if (o.decoupled_weight_decay) p[i] *= 1 - o.lr * o.weight_decay;
      m[i] = o.betas[0] * m[i] + (1 - o.betas[0]) * g[i];
      v[i] = o.betas[1] * v[i] + (1 - o.betas[1]) * g[i] * g[i];
      const double root = std::sqrt(v[i] / (1 - std::pow(o.betas[1], t))) + o.eps;
      p[i] -= o.lr * (1 - mu(t)) / (1 - product) * g[i] / root;
      p[i] -= o.lr * mu(t + 1) / (1 - product * mu(t + 1)) * m[i] / root;
    }
  };
}

inline Step lion(LionOptions o) {
  return [o](int, const Shape&, Numbers& p, Numbers g, State& s) {
    prepare(g, p, o.maximize, 0);
    Numbers& m = slot(s, "exp_avg", p.size());
    for (size_t i = 0; i < p.size(); ++i) {
      const double c = o.betas[0] * m[i] + (1 - o.betas[0]) * g[i];
      p[i] = p[i] * (1 - o.lr * o.weight_decay) - o.lr * (c > 0 ? 1 : c < 0 ? -1 : 0);
      m[i] = o.betas[1] * m[i] + (1 - o.betas[1]) * g[i];
    }
  };
}

inline double length(const Numbers& x) {
  double sum = 0;
  for (const double e : x) sum += e * e;
  return std::sqrt(sum);
}

inline Step lamb(LAMBOptions o) {
  return [o](int t, const Shape&, Numbers& p, Numbers g, State& s) {
    prepare(g, p, o.maximize, 0);
    Numbers& m = slot(s, "exp_avg", p.size());
    Numbers& v = slot(s, "exp_avg_sq", p.size());
    Numbers u(p.size());
    for (size_t i = 0; i < p.size(); ++i) {
      m[i] = o.betas[0] * m[i] + (1 - o.betas[0]) * g[i];
      v[i] = o.betas[1] * v[i] + (1 - o.betas[1]) * g[i] * g[i];
      const double mean = m[i] / (1 - std::pow(o.betas[0], t)), square = v[i] / (1 - std::pow(o.betas[1], t));
      u[i] = mean / (std::sqrt(square) + o.eps) + o.weight_decay * p[i];
    }
    const double weight = length(p), step = length(u);
    const double trust = weight > 0 && step > 0 ? weight / step : 1;
    for (size_t i = 0; i < p.size(); ++i) p[i] -= o.lr * trust * u[i];
  };
}

// rows x inner times inner x columns; the second may be given transposed.
inline Numbers product(const Numbers& a, const Numbers& b, size_t rows, size_t inner, size_t columns,
                       bool transposed = false) {
  Numbers c(rows * columns, 0);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j)
      for (size_t k = 0; k < inner; ++k)
        c[i * columns + j] += a[i * inner + k] * (transposed ? b[j * inner + k] : b[k * columns + j]);
  return c;
}

inline Numbers newton_schulz(const MuonOptions& o, Numbers x, size_t rows, size_t columns) {
  if (rows > columns) {
    Numbers flipped(x.size());
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < columns; ++j) flipped[j * rows + i] = x[i * columns + j];
    const Numbers y = newton_schulz(o, flipped, columns, rows);
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < columns; ++j) x[i * columns + j] = y[j * rows + i];
    return x;
  }
  const double scale = std::max(length(x), o.eps);
  for (double& e : x) e /= scale;
  for (int k = 0; k < o.ns_steps; ++k) {
    const Numbers gram = product(x, x, rows, columns, rows, true), square = product(gram, gram, rows, rows, rows);
    Numbers mixed(gram.size());
    for (size_t i = 0; i < gram.size(); ++i)
      mixed[i] = o.ns_coefficients[1] * gram[i] + o.ns_coefficients[2] * square[i];
    const Numbers change = product(mixed, x, rows, rows, columns);
    for (size_t i = 0; i < x.size(); ++i) x[i] = o.ns_coefficients[0] * x[i] + change[i];
  }
  return x;
}

inline Step muon(MuonOptions o) {
  const Step others = adam({.lr = o.lr * o.adamw_lr_scale,
                            .betas = o.adamw_betas,
                            .eps = o.adamw_eps,
                            .weight_decay = o.adamw_weight_decay},
                           true);
  return [o, others](int t, const Shape& shape, Numbers& p, Numbers g, State& s) {
    if (shape.size() != 2) return others(t, shape, p, g, s);
    Numbers& b = slot(s, "momentum_buffer", p.size());
    for (size_t i = 0; i < p.size(); ++i) {
      b[i] = o.momentum * b[i] + (1 - o.momentum) * g[i];
      g[i] = o.nesterov ? (1 - o.momentum) * g[i] + o.momentum * b[i] : b[i];
    }
    const auto rows = static_cast<size_t>(shape[0]), columns = static_cast<size_t>(shape[1]);
    const double r = static_cast<double>(rows), c = static_cast<double>(columns);
    const double rate = o.lr * (o.adjust_lr == MuonAdjust::Original ? std::sqrt(std::max(1.0, r / c))
                                                                    : 0.2 * std::sqrt(std::max(r, c)));
    const Numbers u = newton_schulz(o, g, rows, columns);
    for (size_t i = 0; i < p.size(); ++i) p[i] = p[i] * (1 - o.lr * o.weight_decay) - rate * u[i];
  };
}

}  // namespace nngpu::optim::reference

#endif  // NNGPU_TESTS_OPTIM_REFERENCE_H_
