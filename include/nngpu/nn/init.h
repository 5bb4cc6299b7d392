// Initial values of parameters: tensors of the shape asked for, in f32. Assign them to a layer's variables:
//
//   layer.weight.assign(nn::init::xavier_uniform(layer.weight.shape(), 1, generator));
//
// The fans of a weight (outputs, inputs, kernel...) are inputs * kernel and outputs * kernel; they need rank 2
// (ShapeError). Kaiming's gain is that of a leaky rectifier of slope `a` (He et al., 2015), Xavier's is given
// (Glorot, Bengio, 2010).
#ifndef NNGPU_NN_INIT_H_
#define NNGPU_NN_INIT_H_

#include "nngpu/random.h"

namespace nngpu::nn::init {

enum class Fan { In, Out };

Tensor constant(const Shape& shape, double value);
Tensor uniform(const Shape& shape, double low = 0, double high = 1, Generator generator = default_generator());
Tensor normal(const Shape& shape, double mean = 0, double stddev = 1, Generator generator = default_generator());
// The normal distribution cut off at `low` and `high`, by inversion of its distribution function.
Tensor truncated_normal(const Shape& shape, double mean = 0, double stddev = 1, double low = -2, double high = 2,
                        Generator generator = default_generator());
// Uniform within gain * sqrt(6 / (fan in + fan out)), and normal of deviation gain * sqrt(2 / (fan in + fan out)).
Tensor xavier_uniform(const Shape& shape, double gain = 1, Generator generator = default_generator());
Tensor xavier_normal(const Shape& shape, double gain = 1, Generator generator = default_generator());
// Uniform within sqrt(6 / ((1 + a^2) fan)), and normal of deviation sqrt(2 / ((1 + a^2) fan)).
Tensor kaiming_uniform(const Shape& shape, double a = 0, Fan fan = Fan::In,
                       Generator generator = default_generator());
Tensor kaiming_normal(const Shape& shape, double a = 0, Fan fan = Fan::In,
                      Generator generator = default_generator());
// gain times a random matrix of orthonormal rows or columns, whichever are fewer; axes from the second on are one
// (Saxe, McClelland, Ganguli, 2014).
Tensor orthogonal(const Shape& shape, double gain = 1, Generator generator = default_generator());

}  // namespace nngpu::nn::init

#endif  // NNGPU_NN_INIT_H_
