#include "operations.h"

#include <map>
#include <sstream>

#include "nngpu/compile.h"
#include "nngpu/convolution.h"
#include "nngpu/linalg.h"
#include "nngpu/normalization.h"
#include "nngpu/ops.h"
#include "ops/rows.h"

namespace nngpu::bench {
namespace {

using In = const std::vector<Tensor>&;
using Out = std::vector<Tensor>;

constexpr int kReplayed = 200;
constexpr double kMean = 0.0, kScale = 1.7320508;

// Each kernel reads what the one before wrote, and none can be fused with its neighbour.
Out alternate(In in) {
  Tensor y = in[0];
  for (int i = 0; i < kReplayed; ++i) y = i % 2 == 0 ? matmul(y, in[1]) : softmax(y);
  return {y};
}

Tensor select(const Tensor& x, const Tensor& y, const Tensor& z) {
  return where((x > y) & (y < z), x, where(x > z, y, z));
}

// The class of row r is r modulo the number of classes.
Tensor targets(const Tensor& x) { return arange_int(0, x.size(0), 1, DType::I64, x.device()) % Tensor(x.size(1)); }

Tensor cross_entropy(const Tensor& x) {
  const Tensor at = reshape(gather(x, reshape(targets(x), {-1, 1}), 1), {-1});
  return mean(logsumexp(x, 1) - at);
}

Tensor cross_entropy_gradient(const Tensor& x) {
  const Tensor classes = arange_int(0, x.size(1), 1, DType::I64, x.device());
  const Tensor hit = classes == reshape(targets(x), {-1, 1});
  return (exp(x - logsumexp(x, 1, true)) - cast(hit, x.dtype())) / static_cast<double>(x.size(0));
}

// With respect to x, as its gradient comes out of the forward operations: two reductions and one pass.
Tensor batch_norm_gradient(const Tensor& g, const Tensor& x) {
  const Axes axes = {0, 2, 3};
  const Moments m = moments(x, axes, 0, true);
  const double count = static_cast<double>(x.size(0) * x.size(2) * x.size(3));
  const Tensor scale = rsqrt(m.var + 1e-5), unit = (x - m.mean) * scale;
  const Tensor mean = sum(g, axes, true) / count, slope = sum(g * unit, axes, true) / count;
  return (g - mean - unit * slope) * scale;
}

const std::map<std::string, Operation>& row_operations() {
  static const std::map<std::string, Operation> table = {
      {"softmax_backward", [](In in) { return Out{ops::softmax_gradient(in[0], in[1], 1, false)}; }},
      {"layer_norm", [](In in) { return Out{layer_norm(in[0], int64_t{1})}; }},
      {"layer_norm_backward",
       [](In in) {
         // The statistics are at hand after the forward pass: those of uniform numbers will do.
         const Shape row = {in[1].size(0), 1};
         const Tensor mean = full(row, kMean, DType::F32, in[1].device());
         const Tensor scale = full(row, kScale, DType::F32, in[1].device());
         return Out{ops::normalize_gradient(in[0], in[1], mean, scale, Tensor(), {})};
       }},
      {"cross_entropy", [](In in) { return Out{cross_entropy(in[0])}; }},
      {"cross_entropy_backward", [](In in) { return Out{cross_entropy_gradient(in[0])}; }},
      {"dropout", [](In in) { return Out{dropout(in[0], 0.5)}; }},
      {"dropout_backward", [](In in) { return Out{dropout(in[0], 0.5)}; }},
      {"moments",
       [](In in) {
         const Moments m = moments(in[0], 1);
         return Out{m.mean, m.var};
       }},
      {"moments_0",
       [](In in) {
         const Moments m = moments(in[0], 0);
         return Out{m.mean, m.var};
       }},
      {"logsumexp", [](In in) { return Out{logsumexp(in[0], 1)}; }},
      {"batch_norm", [](In in) { return Out{batch_norm(in[0]).y}; }},
      {"batch_norm_backward", [](In in) { return Out{batch_norm_gradient(in[0], in[1])}; }},
  };
  return table;
}

const std::map<std::string, Operation>& dense_operations() {
  static const std::map<std::string, Operation> table = {
      {"matmul", [](In in) { return Out{matmul(in[0], in[1])}; }},
      {"epilogue", [](In in) { return Out{gelu(matmul(in[0], in[1]) + in[2])}; }},
      {"chain", [](In in) { return Out{gelu(in[0] * in[1] + in[2]) * in[0]}; }},
      // There is no function that copies for its own sake; this reads and writes every element once.
      {"copy", [](In in) { return Out{in[0] * 1}; }},
      {"transpose", [](In in) { return Out{contiguous(transpose(in[0]))}; }},
      {"sum_all", [](In in) { return Out{sum(in[0])}; }},
      {"sum_0", [](In in) { return Out{sum(in[0], 0)}; }},
      {"sum_1", [](In in) { return Out{sum(in[0], 1)}; }},
      {"max_all", [](In in) { return Out{max(in[0])}; }},
      {"max_0", [](In in) { return Out{max(in[0], 0)}; }},
      {"max_1", [](In in) { return Out{max(in[0], 1)}; }},
      {"softmax", [](In in) { return Out{softmax(in[0], 1)}; }},
      {"mean_var",
       [](In in) {
         return Out{mean(in[0], 1), var(in[0], 1)};
       }},
      {"select", [](In in) { return Out{select(in[0], in[1], in[2])}; }},
  };
  return table;
}

Out lu(In in, bool checked) {
  const linalg::LuFactor f = linalg::lu_factor(in[0], checked);
  return {f.lu, f.pivots};
}

Out qr(In in, bool) {
  const linalg::Qr f = linalg::qr(in[0]);
  return {f.q, f.r};
}

Out inverse(In in, bool checked) { return {checked ? linalg::inverse(in[0]) : linalg::inverse_ex(in[0]).value}; }

Out cholesky(In in, bool checked) {
  return {checked ? linalg::cholesky(in[0]) : linalg::cholesky_ex(in[0]).value};
}

Out solve(In in, bool checked) {
  return {checked ? linalg::solve(in[0], in[1]) : linalg::solve_ex(in[0], in[1]).value};
}

Out eigh(In in, bool checked) {
  if (checked) {
    const linalg::Eigh f = linalg::eigh(in[0]);
    return {f.w, f.v};
  }
  const linalg::EighEx f = linalg::eigh_ex(in[0]);
  return {f.w, f.v};
}

Out svd(In in, bool checked) {
  if (checked) {
    const linalg::Svd f = linalg::svd(in[0]);
    return {f.u, f.s, f.vt};
  }
  const linalg::SvdEx f = linalg::svd_ex(in[0]);
  return {f.u, f.s, f.vt};
}

const std::map<std::string, Out (*)(In, bool)>& decompositions() {
  static const std::map<std::string, Out (*)(In, bool)> table = {
      {"lu", lu},       {"qr", qr},     {"inverse", inverse}, {"cholesky", cholesky},
      {"solve", solve}, {"eigh", eigh}, {"svd", svd},
  };
  return table;
}

// "conv2d_input 2 3 224": stride, padding, and how large the gradient is.
Operation convolution(const std::string& text) {
  std::istringstream words(text);
  std::string mode;
  int64_t stride = 1, padding = 0, size = 0;
  words >> mode >> stride >> padding >> size;
  const Conv2dOptions options{.stride = stride, .padding = padding};
  if (mode == "conv2d_input")
    return [=](In in) { return Out{conv2d_input_gradient(in[0], in[1], size, options)}; };
  if (mode == "conv2d_weight")
    return [=](In in) { return Out{conv2d_weight_gradient(in[0], in[1], size, options)}; };
  return [=](In in) { return Out{conv2d(in[0], in[1], options)}; };
}

}  // namespace

Operation make_operation(const std::string& name, bool checked) {
  if (name.rfind("conv2d", 0) == 0) return convolution(name);
  if (name == "replay") return CompiledFunction(alternate);
  if (const auto found = row_operations().find(name); found != row_operations().end()) return found->second;
  if (const auto found = dense_operations().find(name); found != dense_operations().end()) return found->second;
  if (const auto found = decompositions().find(name); found != decompositions().end())
    return [run = found->second, checked](In in) { return run(in, checked); };
  throw ValueError("[bench] there is no operation '" + name + "'");
}

}  // namespace nngpu::bench
