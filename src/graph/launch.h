// Launches: what a backend executes. Lowering (plan_lower.cpp) turns operations into these; everything is decided
// here except the addresses, which arrive with each run.
#ifndef NNGPU_GRAPH_LAUNCH_H_
#define NNGPU_GRAPH_LAUNCH_H_

#include <functional>
#include <memory>
#include <vector>

#include "core/buffer.h"
#include "graph/params.h"

namespace nngpu::graph {

enum class OpKind : uint8_t {
#define NNGPU_OP(kind, view) kind,
#include "graph/ops.def"
#undef NNGPU_OP
};
const char* op_name(OpKind kind);

// A tensor in memory: element (i0, i1, ...) is at slot base + (offset + sum i_k * strides[k]) * size of dtype.
struct Operand {
  int32_t slot = -1;
  DType dtype = DType::F32;
  int64_t offset = 0;  // elements
  Shape shape;
  Dims strides;           // elements; 0 broadcasts
  bool constant = false;  // the slot holds a number of the plan's, in the host's memory on every device
};

// One step of a fused elementwise chain. Values are numbered: first the loads, then the results of the steps.
struct TapeStep {
  Elementwise code;
  DType in;                   // compute dtype of the operands (of b and c for Select)
  DType out;                  // compute dtype of the result
  DType target = DType::F32;  // of a Cast: its dtype, to which a half type's value is rounded
  int32_t source[3] = {-1, -1, -1};
};
struct TapeStore {
  int32_t value;   // which value
  int32_t output;  // index in Launch::outputs
};
// A value that a Reduce launch reduces over its axes. Moments gives two results, one behind the other.
struct TapeReduction {
  Reduction code;
  int32_t value;     // which value
  int32_t output;    // index in Launch::outputs of the first result
  int64_t ddof = 0;  // as in ReduceParams
};
// A chain over one iteration space. Loads are Launch::inputs, broadcast to `shape` with zero strides; half types
// are converted to F32 on load and back on store. A Reduce launch has reductions instead of stores.
struct Tape {
  Shape shape;
  std::vector<TapeStep> steps;
  std::vector<TapeStore> stores;
  std::vector<TapeReduction> reductions;
};

// kind Elementwise: `tape` with its stores. kind Reduce: `tape` and ReduceParams, of which the axes count for all
// of the tape's reductions; the outputs are laid out alike, over the loop's axes, with strides of 0 along the
// reduced ones. Any other kind: inputs and outputs as in ops.def; inputs have any strides, outputs are as lowering
// laid them out (row-major unless ops.def or lowering says otherwise: matrices of the decompositions are
// column-major in their last two axes).
//
// items > 1: that many independent operations of one signature run as one launch; their operands follow one
// another in `inputs` and `outputs` (item i's are [i * inputs.size() / items, ...)).
struct Launch {
  OpKind kind{};
  Params params;
  std::vector<Operand> inputs;
  std::vector<Operand> outputs;
  std::unique_ptr<Tape> tape;
  int32_t items = 1;
  std::vector<int32_t> nodes;            // the plan's node of each item, for error reports
  std::shared_ptr<const void> prepared;  // what Backend::prepare made of it
};

// Reports a failure of item `item` of the launch that runs.
struct Failure {
  int32_t item;
  std::exception_ptr error;
};

// The status words of a launch that was submitted: `read` waits for the device, reads them from its memory, which
// is this run's own, and appends the launch's failures.
struct Check {
  using Read = std::function<void(const char* words, std::vector<Failure>&)>;
  BufferPtr words;
  std::shared_ptr<const Read> read;
};

// The addresses of one run.
struct RunContext {
  char* const* slots;              // base address a slot; a Constant's slot holds its value in its own dtype
  std::vector<Failure>* failures;  // checked launches append here
  std::vector<Check>* checks;      // or, where they have only been submitted, here
  template <class T = char>
  T* at(const Operand& operand) const {
    return reinterpret_cast<T*>(slots[operand.slot] +
                                operand.offset * static_cast<int64_t>(dtype_size(operand.dtype)));
  }
};

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_LAUNCH_H_
