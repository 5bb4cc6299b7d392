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
  // `leaf`, where one is given: as a leaf that collects gradients there.
  Tensor read(const std::shared_ptr<Variable::Cell>& cell, const std::shared_ptr<GradientLeaf>& leaf = nullptr);
  void write(const std::shared_ptr<Variable::Cell>& cell, const Tensor& value);
  // Gradients that are collected while tracing belong to the trace: its end forgets those that are left.
  void collects(const std::shared_ptr<GradientLeaf>& leaf) { leaves_.push_back(leaf); }
  // ValueError if some are left: the compiled function would not know of them when it is replayed.
  void require_no_gradients() const;
  // Rank-0 i64 run-time inputs: the generator's seed and offset at each replay.
  Draw draw(const std::shared_ptr<Generator::State>& state, uint64_t blocks);

  struct VariableUse {
    std::shared_ptr<Variable::Cell> cell;
    Tensor input;    // the placeholder; undefined if it was written before it was ever read
    Dims strides;    // of the value when traced
    Tensor written;  // undefined if only read
    Tensor tracked;  // the value as a leaf
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
  Tensor current_value(VariableUse& use);
  std::vector<std::shared_ptr<GradientLeaf>> leaves_;
  Trace* outer_;
};

// The draws of a function that runs twice with the same random numbers (checkpoint).
class DrawLog {
 public:
  // While one lives, draws of this thread are appended to the log, or taken from it in the same order.
  class Scope {
   public:
    Scope(DrawLog& log, bool replays);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    friend Draw draw_blocks(const std::shared_ptr<Generator::State>& state, uint64_t blocks);
    friend bool runs_again();
    DrawLog& log_;
    bool replays_;
    size_t next_ = 0;
    Scope* outer_;
  };
  struct Recording : Scope {
    explicit Recording(DrawLog& log) : Scope(log, false) {}
  };
  struct Replaying : Scope {
    explicit Replaying(DrawLog& log) : Scope(log, true) {}
  };

 private:
  friend Draw draw_blocks(const std::shared_ptr<Generator::State>& state, uint64_t blocks);
  std::vector<Draw> draws_;
};

// Outside tracing takes `blocks` Philox blocks from the generator: its seed and their first offset are constants.
// While tracing they are run-time inputs of the plan.
Draw draw_blocks(const std::shared_ptr<Generator::State>& state, uint64_t blocks);

// Whether this thread runs a checkpointed function for its gradients: what that assigns has been assigned already.
bool runs_again();

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_TRACE_H_
