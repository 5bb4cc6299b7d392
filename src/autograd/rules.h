// The gradient of every operation: rules.cpp picks one, the others hold them by subject.
#ifndef NNGPU_AUTOGRAD_RULES_H_
#define NNGPU_AUTOGRAD_RULES_H_

#include <functional>

#include "graph/node.h"
#include "nngpu/ops.h"

namespace nngpu::autograd {

using Gradients = std::vector<Tensor>;  // undefined entries are zero

// One operation of the graph and the gradients by its outputs.
class Call {
 public:
  Call(graph::NodePtr node, Gradients gradients) : node_(std::move(node)), gradients_(std::move(gradients)) {}

  const graph::Node& node() const { return *node_; }
  template <class P>
  const P& params() const {
    return node_->params.as<P>();
  }
  size_t input_count() const { return node_->inputs.size(); }
  Tensor input(size_t i) const { return Tensor(node_->inputs[i].node, node_->inputs[i].output); }
  Tensor output(uint32_t i = 0) const { return Tensor(node_, i); }
  // Whether input i wants a gradient.
  bool wants(size_t i) const { return graph::is_tracked(input(i)); }
  bool has_gradient(uint32_t i) const { return gradients_[i].defined(); }
  // The gradient by output i: zeros where none has come.
  Tensor gradient(uint32_t i = 0) const;

 private:
  graph::NodePtr node_;
  Gradients gradients_;
};

// The gradients by the inputs. A switch over the kinds without a default. GradientError for an operation that has
// none.
Gradients input_gradients(const Call& call);

[[noreturn]] void fail_without_gradient(const char* operation);

// The gradient of `function` at the inputs, for rules that are those of a composition.
Gradients gradients_through(const std::function<Tensor(const std::vector<Tensor>&)>& function,
                            const std::vector<Tensor>& inputs, const Tensor& gradient);

// g, of a broadcast shape, summed to the shape it was broadcast from.
Tensor sum_to(const Tensor& g, const Shape& shape);

Gradients elementwise_gradients(const Call& call);
Gradients reduce_gradients(const Call& call);
Gradients scan_gradients(const Call& call);

// gradients_rows.cpp
Gradients moments_gradients(const Call& call);
Gradients log_sum_exp_gradients(const Call& call);
Gradients softmax_gradients(const Call& call);
Gradients softmax_gradient_gradients(const Call& call);
Gradients normalize_gradients(const Call& call);
Gradients normalize_gradient_gradients(const Call& call);
Gradients dropout_gradients(const Call& call);

// gradients_attention.cpp
Gradients attention_gradients(const Call& call);
Gradients attention_gradient_gradients(const Call& call);

// By x of a slice, of which g is the gradient.
Tensor slice_gradient(const Tensor& x, const graph::SliceParams& where, Tensor g);
Gradients permute_gradients(const Call& call);
Gradients diagonal_gradients(const Call& call);
Gradients concat_gradients(const Call& call);
Gradients pad_gradients(const Call& call);
Gradients iota_gradients(const Call& call);

Gradients take_gradients(const Call& call);
Gradients gather_gradients(const Call& call);
Gradients scatter_add_gradients(const Call& call);
Gradients sorted_gradients(const Call& call, int64_t axis);  // Sort, TopK

Gradients convolution_gradients(const Call& call);
Gradients pool_gradients(const Call& call);
Gradients pool_gradient_gradients(const Call& call);

Gradients matmul_gradients(const Call& call);
Gradients lu_factor_gradients(const Call& call);
Gradients lu_solve_gradients(const Call& call);
Gradients cholesky_gradients(const Call& call);
Gradients inverse_gradients(const Call& call);
Gradients solve_gradients(const Call& call);
Gradients triangular_solve_gradients(const Call& call);
Gradients qr_gradients(const Call& call);
Gradients eigh_gradients(const Call& call);
Gradients svd_gradients(const Call& call);

Gradients custom_gradients(const Call& call);

}  // namespace nngpu::autograd

#endif  // NNGPU_AUTOGRAD_RULES_H_
