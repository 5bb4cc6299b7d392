// Tracing: building a function's graph without computing it (compile, explain).
#ifndef NNGPU_GRAPH_TRACE_H_
#define NNGPU_GRAPH_TRACE_H_

#include <functional>
#include <memory>
#include <vector>

#include "graph/context.h"
#include "nngpu/random.h"

namespace nngpu::graph {

// Where a draw of random numbers starts.
struct Draw {
  Tensor seed, offset;
};

// What a function being traced reads and changes. While one exists on a thread, nodes built there belong to it.
class Trace {
 public:
  Trace();
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  // The innermost trace of this thread, or null.
  static Trace* current();

  Tensor add_placeholder(const Shape& shape, DType dtype, Device device, const Dims& strides, bool number = false);
  Tensor read(const std::shared_ptr<Variable::Cell>& cell);
  void write(const std::shared_ptr<Variable::Cell>& cell, const Tensor& value);
  // Rank-0 i64 run-time inputs: the generator's seed and offset at each replay.
  Draw draw(const std::shared_ptr<Generator::State>& state, uint64_t blocks);

  struct VariableUse {
    std::shared_ptr<Variable::Cell> cell;
    Tensor input;    // the placeholder; undefined if it was written before it was ever read
    Dims strides;    // of the value when traced
    Tensor written;  // undefined if only read
  };
  struct GeneratorUse {
    std::shared_ptr<Generator::State> state;
    Draw draw;
    uint64_t blocks;
  };
  std::vector<Tensor> placeholders;  // all, in order: arguments, then variables and draws as they are met
  std::vector<VariableUse> variables;
  std::vector<GeneratorUse> generators;

 private:
  VariableUse& use_of(const std::shared_ptr<Variable::Cell>& cell);
  Trace* outer_;
};

// Outside tracing takes `blocks` Philox blocks from the generator: its seed and their first offset are constants.
// While tracing they are run-time inputs of the plan.
Draw draw_blocks(const std::shared_ptr<Generator::State>& state, uint64_t blocks);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_TRACE_H_
