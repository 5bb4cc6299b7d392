// Mixed precision: operations that choose their own dtype, and gradients that are scaled for f16.
//
//   GradScaler scaler;                              // f16 needs one, bf16 does not
//   auto step = compile([&](const Tensor& x, const Tensor& y) {
//     Tensor loss;
//     {
//       Autocast scope(DType::F16);
//       loss = loss_of(model(x), y);
//     }
//     backward(scaler.scale(loss));
//     scaler.step(optimizer);
//     scaler.update();
//     optimizer.zero_grad();
//     return loss;
//   });
#ifndef NNGPU_AMP_H_
#define NNGPU_AMP_H_

#include <optional>
#include <vector>

#include "nngpu/optim.h"
#include "nngpu/tensor.h"

namespace nngpu {

// While one lives, operations of this thread that are given f32, f16 and bf16 choose what they compute in:
//
// - products (matmul, dot, einsum and what is built of them: linear layers, attention; convolutions) compute in
//   `dtype`, to which f32 operands are cast;
// - exp, exp2, expm1, log, log2, log10, log1p, pow, reciprocal, rsqrt, tan, asin, acos, sinh, cosh, acosh, asinh,
// atanh,
//   erf, erfc, lgamma, softmax, log_softmax, logsumexp, sum, mean, var, stddev, prod, norm, cumsum, cumprod and
//   losses compute in f32, to which half types are cast, and give f32;
// - all others take their operands as they are, and promote them where they differ. Normalizations and activations
//   compute half types in f32 inside and give them back.
//
// f64 and integers are left alone. Scopes nest; one that is not enabled switches the outer one off. Gradients flow
// through the casts and are computed in the types of the forward pass, whatever scope backward() is called in.
// Compiled functions are traced once for each mode. DTypeError unless `dtype` is f16 or bf16.
class Autocast {
 public:
  explicit Autocast(DType dtype = DType::BF16, bool enabled = true);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  std::optional<DType> before_;
};
// The dtype of the scope that this thread is in, if any.
std::optional<DType> autocast_dtype();

struct GradScalerOptions {
  double init_scale = 65536;
  double growth_factor = 2;
  double backoff_factor = 0.5;
  int64_t growth_interval = 2000;  // steps without overflow before the scale grows
  bool enabled = true;             // otherwise it does nothing but step()
};

// Scales the loss so that gradients in f16 neither vanish nor overflow for long (Micikevicius et al., "Mixed
// precision training", 2018). A step whose gradients are not all finite leaves parameters and state as they are
// and lowers the scale; nothing is read on the host, and scale and counter are Variables, so it works inside
// compile(). scale(), step() and update() belong into the same compiled function. ValueError for options out of
// range and calls out of order; DeviceError for a loss or parameters on another device; DTypeError for a loss that
// is not floating.
class GradScaler {
 public:
  explicit GradScaler(const GradScalerOptions& options = {}, Device device = default_device());

  // loss * scale.
  Tensor scale(const Tensor& loss) const;
  // Divides the gradients by the scale, for clipping between; else step() does it. Once before each step.
  void unscale_(optim::Optimizer& optimizer);
  // The optimizer's step, unless a gradient is not finite.
  void step(optim::Optimizer& optimizer);
  // The scale of the next step. After all optimizers have made theirs.
  void update();

  // To be saved, and assigned to go on later: rank 0, f32 and i32.
  Variable scale_variable() const { return scale_; }
  Variable growth_tracker() const { return tracker_; }

 private:
  struct Stage {
    optim::Optimizer* optimizer;
    Tensor found_inf;  // rank-0 bool
    bool stepped;
  };
  void require_device(Device device) const;
  Stage& unscaled(optim::Optimizer& optimizer);
  GradScalerOptions options_;
  Variable scale_, tracker_;
  std::vector<Stage> stages_;  // since the last update
};

}  // namespace nngpu

#endif  // NNGPU_AMP_H_
