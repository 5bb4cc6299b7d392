#include "graph/channels_last.h"

#include <cstdlib>
#include <string_view>

#include "graph/layout.h"

namespace nngpu::graph {
namespace {

ChannelsLast from_environment() {
  const char* value = std::getenv("NNGPU_CHANNELS_LAST");
  const std::string_view text = value != nullptr ? value : "";
  return text == "1" ? ChannelsLast::Always : text == "0" ? ChannelsLast::Never : ChannelsLast::ByDevice;
}

}  // namespace

Dims channels_last_strides(const Shape& shape) {
  const int64_t channels = shape[1];
  return {shape[2] * shape[3] * channels, 1, shape[3] * channels, channels};
}

bool lies_channels_last(const Operand& operand) {
  if (operand.shape.size() != 4 || numel(operand.shape) == 0) return false;
  const Dims strides = channels_last_strides(operand.shape);
  for (int i = 0; i < 4; ++i)
    if (operand.shape[i] != 1 && operand.strides[i] != strides[i]) return false;
  return true;
}

bool is_channels_last(const Operand& operand) {
  return lies_channels_last(operand) && !is_row_major(operand.shape, operand.strides);
}

ChannelsLast& channels_last() {
  static ChannelsLast choice = from_environment();
  return choice;
}

}  // namespace nngpu::graph
