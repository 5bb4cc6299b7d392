// Joining two tapes to one.
#ifndef NNGPU_GRAPH_TAPE_JOINER_H_
#define NNGPU_GRAPH_TAPE_JOINER_H_

#include "graph/plan.h"

namespace nngpu::graph {

// The most a joined tape may have; tensors are the loads that are no numbers.
struct TapeLimits {
  size_t steps, loads, tensors, stores;
};

// Appends the tape of `item` to that of `into`, whose results it may read, element for element. Both run over one
// shape, in which equal places of a result have equal numbers. The results of reductions are no elements of the
// loop: they are not read by the other.
class TapeJoiner {
 public:
  TapeJoiner(Plan& plan, Launch& into, const Launch& item, const TapeLimits& limits)
      : plan_(plan), into_(into), item_(item), limits_(limits) {}

  // False, and nothing changed, where the limits forbid it.
  bool join();

 private:
  void keep_what_is_read();
  int32_t step_of_result(const Operand& operand) const;
  static int32_t find(std::vector<Operand>& loads, const Operand& input);
  void shift_steps(int32_t more);

  Plan& plan_;
  Launch& into_;
  const Launch& item_;
  TapeLimits limits_;
};

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_TAPE_JOINER_H_
