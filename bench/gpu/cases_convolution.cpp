// The convolutions of ResNet-18, with their gradients.
#include <algorithm>

#include "cases.h"

namespace nngpu::bench {
namespace {

struct Layer {
  int64_t channels, results, window, stride, side;  // side: of the maps that come in
  bool quick;
};
// The different ones of ResNet-18.
constexpr Layer kLayers[] = {{3, 64, 7, 2, 224, true},    {64, 64, 3, 1, 56, true},    {64, 128, 3, 2, 56, false},
                             {64, 128, 1, 2, 56, false},  {128, 128, 3, 1, 28, true},  {128, 256, 3, 2, 28, false},
                             {256, 256, 3, 1, 14, false}, {256, 512, 3, 2, 14, false}, {512, 512, 3, 1, 7, true}};

// `operation` names stride, padding and the size of the gradient: "conv2d_input 2 3 224".
void add_convolution(std::vector<GpuCase>& cases, const Layer& layer, DType dtype, int64_t images,
                     const std::string& mode) {
  const int64_t padding = layer.window / 2, out = (layer.side + 2 * padding - layer.window) / layer.stride + 1;
  const Input x{{images, layer.channels, layer.side, layer.side}},
      w{{layer.results, layer.channels, layer.window, layer.window}}, g{{images, layer.results, out, out}};
  GpuCase c;
  c.group = "convolutions";
  const bool input = mode == "conv2d_input", weight = mode == "conv2d_weight";
  c.inputs = input ? std::vector{g, w} : weight ? std::vector{x, g} : std::vector{x, w};
  c.operation = mode + " " + std::to_string(layer.stride) + " " + std::to_string(padding);
  if (input || weight) c.operation += " " + std::to_string(input ? layer.side : layer.window);
  c.name = mode + " " + dtype_name(dtype) + " " + std::to_string(images) + "x" + std::to_string(layer.channels) +
           "x" + std::to_string(layer.side) + " -> " + std::to_string(layer.results) + ", window " +
           std::to_string(layer.window) + ", stride " + std::to_string(layer.stride);
  c.dtype = dtype;
  const auto elements = static_cast<double>(numel(x.shape) + numel(w.shape) + numel(g.shape));
  c.bytes = elements * static_cast<double>(dtype_size(dtype));
  c.flops =
      2 * static_cast<double>(numel(g.shape)) * static_cast<double>(layer.channels * layer.window * layer.window);
  c.target = 0.95;
  c.quick = layer.quick;
  cases.push_back(c);
}

}  // namespace

void add_convolutions(std::vector<GpuCase>& cases, int64_t scale) {
  for (const DType dtype : {DType::BF16, DType::F32})
    for (const Layer& full : kLayers)
      for (const char* mode : {"conv2d", "conv2d_input", "conv2d_weight"}) {
        Layer layer = full;
        if (scale > 1) layer.side = std::min<int64_t>(layer.side, 28);
        add_convolution(cases, layer, dtype, std::max<int64_t>(1, 128 / scale), mode);
      }
}

}  // namespace nngpu::bench
