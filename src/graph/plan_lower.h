// Lowering: from a graph's items to launches over slots.
#ifndef NNGPU_GRAPH_PLAN_LOWER_H_
#define NNGPU_GRAPH_PLAN_LOWER_H_

#include "graph/layout.h"
#include "graph/plan.h"

namespace nngpu::graph {

class Lowering {
 public:
  Lowering(const GraphView& graph, Plan& plan, Backend& backend);
  void run();

 private:
  const Node& node(int32_t item) const { return *graph_.items[item].node; }
  const Operand& value(int32_t item, uint32_t output) const { return values_[item][output]; }
  const Operand& input(int32_t item, int i) const {
    const auto [source, output] = graph_.items[item].inputs[i];
    return value(source, output);
  }

  int32_t epoch_of(size_t item) const;
  void mark_storage();
  int32_t add_slot(SlotKind kind, int32_t item, int64_t bytes);
  // Fresh storage of an item's output with the given layout.
  Operand allocate(int32_t item, uint32_t output, const Dims& strides);
  Operand copy_of(int32_t item, const Operand& source, SlotKind kind, const Dims& strides);

  void lower(int32_t item);
  void lower_input(int32_t item);
  void lower_view(int32_t item);
  void lower_group(int32_t root);  // plan_tape.cpp
  void lower_generic(int32_t item);
  void record_escapes();
  void lower_convolution(int32_t item, Launch& launch);
  Operand with_channels_last(int32_t item, const Operand& operand);
  Dims output_layout(const Launch& launch, int32_t item, uint32_t output) const;
  void choose_donors(Launch& launch);

  friend class TapeBuilder;
  const GraphView& graph_;
  Plan& plan_;
  Backend& backend_;
  bool channels_last_ = false;                                     // some planes lie so
  std::vector<std::pair<Operand, Operand>> channels_last_copies_;  // operands of convolutions, and their copies
  std::vector<int32_t> group_;
  std::vector<std::vector<int32_t>> members_;  // of each root, in order
  std::vector<std::vector<Operand>> values_;   // where each output of each item lies
  std::vector<char> storage_escapes_;          // an item's storage outlives the plan
};

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_PLAN_LOWER_H_
