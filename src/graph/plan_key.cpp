#include "graph/channels_last.h"
#include "graph/plan.h"
#include "nngpu/device.h"

namespace nngpu::graph {
namespace {
// A list in as many words as it has entries, behind a word with its length and a tag.
void append(KeyWords& key, uint64_t tag, const Dims& dims) {
  key.push_back(tag << 8 | static_cast<uint64_t>(dims.size()));
  key.insert(key.end(), dims.begin(), dims.end());
}
}  // namespace

void plan_key(const GraphView& graph, KeyWords& key) {
  key.clear();
  key.push_back(static_cast<uint64_t>(graph.device.type) << 32 | static_cast<uint64_t>(graph.device.index));
  key.push_back(chains_are_joined() | tf32() << 1 | static_cast<uint64_t>(channels_last()) << 2);
  key.push_back(siblings_are_joined());
  for (const GraphView::Item& item : graph.items) {
    const Node& node = *item.node;
    const uint64_t flags = item.is_input | item.escapes << 1 | item.donated << 2;
    key.push_back(static_cast<uint64_t>(node.kind) << 32 | flags << 16 | item.inputs.size());
    if (item.is_input) {
      key.push_back(node.outputs.size());
      for (const Output& output : node.outputs) {
        key.push_back(static_cast<uint64_t>(output.dtype));
        append(key, 1, output.shape);
        append(key, 2, output.value.strides);
      }
    } else if (node.kind == OpKind::Constant) {
      key.push_back(static_cast<uint64_t>(node.outputs[0].dtype));  // the value is a run-time input
    } else {
      key.insert(key.end(), node.params.words(), node.params.words() + node.params.count());
      for (const auto& [source, output] : item.inputs) key.push_back(static_cast<uint64_t>(source) << 8 | output);
    }
  }
}

}  // namespace nngpu::graph
