// Choosing kernels, accesses and scratch tiles for a tape.
#include <algorithm>

#include "backend/cpu/elementwise/codes.h"
#include "backend/cpu/elementwise/tape.h"
#include "graph/layout.h"

namespace nngpu::cpu {
namespace {

using Access = PreparedTape::Access;

// Results that do not fit the last-level cache are written past it.
constexpr int64_t kStreamBytes = int64_t{16} << 20;
// Operands that do not fit the second-level cache are asked for ahead.
constexpr int64_t kFarBytes = int64_t{1} << 20;

class Preparation {
 public:
  explicit Preparation(const graph::Launch& launch) : launch_(launch), tape_(*launch.tape) {}

  std::shared_ptr<const PreparedTape> run() {
    result_ = std::make_shared<PreparedTape>();
    result_->count = numel(tape_.shape);
    result_->row = tape_.shape.empty() ? 1 : tape_.shape.back();
    result_->long_rows = tape_.shape.size() <= 1 || result_->row >= kLongRow;
    for (size_t i = 0; i < launch_.inputs.size(); ++i) add_load(i);
    find_last_uses();
    for (size_t i = 0; i < launch_.inputs.size(); ++i) reserve_load(i);
    for (size_t i = 0; i < tape_.steps.size(); ++i) add_step(i);
    for (const graph::TapeStore& store : tape_.stores) add_store(store);
    add_chain();
    return result_;
  }

 private:
  size_t load_count() const { return launch_.inputs.size(); }

  Access access_of(const graph::Operand& operand) const {
    const Dims& strides = operand.strides;
    if (std::all_of(strides.begin(), strides.end(), [](int64_t s) { return s == 0; })) return Access::Uniform;
    if (graph::is_row_major(operand.shape, strides)) return Access::Linear;
    if (result_->long_rows && strides.back() == 1) return Access::Row;
    if (result_->long_rows && strides.back() == 0) return Access::RowUniform;
    return Access::Packed;
  }

  void add_load(size_t i) {
    const graph::Operand& operand = launch_.inputs[i];
    const DType compute = compute_dtype(operand.dtype);
    PreparedTape::Load load;
    load.access = access_of(operand);
    load.size = dtype_size(operand.dtype);
    load.compute_size = dtype_size(compute);
    const bool half = operand.dtype == DType::F16 || operand.dtype == DType::BF16;
    load.convert = half ? cast_kernel(operand.dtype, compute) : nullptr;
    const bool in_place = load.access == Access::Linear || load.access == Access::Row;
    load.far = in_place && !half && bytes_read(operand) >= kFarBytes;
    load.expand = load.uniform() && needs_tile(static_cast<int32_t>(i));
    result_->loads.push_back(load);
  }

  static int64_t bytes_read(const graph::Operand& operand) {
    auto bytes = static_cast<int64_t>(dtype_size(operand.dtype));
    for (int axis = 0; axis < operand.shape.size(); ++axis)
      if (operand.strides[axis] != 0) bytes *= operand.shape[axis];
    return bytes;
  }

  // Whether a reader of this uniform value cannot take one element.
  bool needs_tile(int32_t value) const {
    for (const graph::TapeReduction& reduction : tape_.reductions) {
      if (reduction.value == value) return true;
    }
    for (const graph::TapeStore& store : tape_.stores) {
      if (store.value == value) return true;
    }
    for (const graph::TapeStep& step : tape_.steps) {
      const bool reads = std::find(std::begin(step.source), std::end(step.source), value) != std::end(step.source);
      if (reads && !has_scalar_forms(step.code)) return true;
    }
    return false;
  }

  void find_last_uses() {
    const auto values = static_cast<int32_t>(load_count() + tape_.steps.size());
    last_use_.assign(values, -1);
    for (size_t s = 0; s < tape_.steps.size(); ++s) {
      for (int32_t source : tape_.steps[s].source) {
        if (source >= 0) last_use_[source] = static_cast<int32_t>(s);
      }
    }
    const auto end = static_cast<int32_t>(tape_.steps.size());
    for (const graph::TapeStore& store : tape_.stores) last_use_[store.value] = end;
    for (const graph::TapeReduction& reduction : tape_.reductions) last_use_[reduction.value] = end;
  }

  int32_t take_tile() {
    if (!free_.empty()) {
      const int32_t tile = free_.back();
      free_.pop_back();
      return tile;
    }
    return result_->tiles++;
  }

  // Loaded tiles live through the whole tape: they are loaded before its first step.
  void reserve_load(size_t i) {
    PreparedTape::Load& load = result_->loads[i];
    const bool packed = load.access == Access::Packed || load.expand || load.convert != nullptr;
    if (packed) load.tile = take_tile();
  }

  bool one_element(int32_t value) const {
    if (value < 0 || value >= static_cast<int32_t>(load_count())) return false;
    return result_->loads[value].one_element();
  }

  void add_step(size_t index) {
    const graph::TapeStep& step = tape_.steps[index];
    PreparedTape::Step prepared;
    std::copy(std::begin(step.source), std::end(step.source), prepared.source);
    if (step.code == Elementwise::Cast) {
      choose_cast(step, prepared);
    } else {
      const int form = (one_element(step.source[0]) ? 1 : 0) | (one_element(step.source[1]) ? 2 : 0);
      prepared.kernel = step_kernels().table[static_cast<int>(step.code)][static_cast<int>(step.in)][form];
    }
    release_sources(index);
    prepared.tile = take_tile();
    tile_of_step_.push_back(prepared.tile);
    result_->steps.push_back(prepared);
  }

  // A tile is free for the step that reads it last: kernels may write over an operand of the same width, and a
  // narrower or wider result never shares a tile with an operand still to be read.
  void release_sources(size_t index) {
    const graph::TapeStep& step = tape_.steps[index];
    if (dtype_size(step.in) != dtype_size(step.out) || step.code == Elementwise::Select) return;
    release_dead(index);
  }

  void release_dead(size_t index) {
    const auto loads = static_cast<int32_t>(load_count());
    int32_t done[3] = {-1, -1, -1};
    for (int k = 0; k < 3; ++k) {
      const int32_t source = tape_.steps[index].source[k];
      done[k] = source;
      const bool repeated = (k > 0 && done[0] == source) || (k > 1 && done[1] == source);
      if (source < loads || repeated || last_use_[source] != static_cast<int32_t>(index)) continue;
      free_.push_back(tile_of_step_[source - loads]);
    }
  }

  static void choose_cast(const graph::TapeStep& step, PreparedTape::Step& prepared);

  void add_store(const graph::TapeStore& store) {
    const DType dtype = launch_.outputs[store.output].dtype;
    const DType compute = compute_dtype(dtype);
    const bool half = dtype == DType::F16 || dtype == DType::BF16;
    const auto index = static_cast<int32_t>(result_->stores.size());
    const bool stream = result_->count * static_cast<int64_t>(dtype_size(dtype)) >= kStreamBytes;
    result_->stores.push_back({store.value, dtype_size(dtype), half ? cast_kernel(compute, dtype) : nullptr,
                               dtype_size(compute), stream});
    const int32_t step = store.value - static_cast<int32_t>(load_count());
    if (!half && step >= 0) result_->steps[step].store = index;
  }

  void add_chain() {
    std::vector<ChainOperand> operands;
    for (const PreparedTape::Load& load : result_->loads)
      operands.push_back(load.one_element() ? ChainOperand::Element
                         : load.far         ? ChainOperand::Far
                                            : ChainOperand::Near);
    const bool streams = std::any_of(result_->stores.begin(), result_->stores.end(),
                                     [](const PreparedTape::Store& store) { return store.stream; });
    if (worth_a_chain(tape_, operands, streams)) result_->chain = prepare_chain(tape_, operands, last_use_);
  }

  const graph::Launch& launch_;
  const graph::Tape& tape_;
  std::shared_ptr<PreparedTape> result_;
  std::vector<int32_t> last_use_;
  std::vector<int32_t> free_;
  std::vector<int32_t> tile_of_step_;
};

// Casts are conversions with the signature of a step.
template <DType kFrom, DType kTo>
void cast_step(void* out, const void* a, const void*, const void*, size_t n) {
  static const CastKernel kernel = cast_kernel(kFrom, kTo);
  kernel(out, a, n);
}

template <DType kFrom>
StepKernel cast_step_from(DType to) {
  switch (to) {
    case DType::Bool:
      return cast_step<kFrom, DType::Bool>;
    case DType::U8:
      return cast_step<kFrom, DType::U8>;
    case DType::I32:
      return cast_step<kFrom, DType::I32>;
    case DType::I64:
      return cast_step<kFrom, DType::I64>;
    case DType::F64:
      return cast_step<kFrom, DType::F64>;
    case DType::F16:
    case DType::BF16:
    case DType::F32:
      return cast_step<kFrom, DType::F32>;
  }
  return nullptr;
}

StepKernel cast_step_kernel(DType from, DType to) {
  switch (from) {
    case DType::I32:
      return cast_step_from<DType::I32>(to);
    case DType::I64:
      return cast_step_from<DType::I64>(to);
    case DType::F64:
      return cast_step_from<DType::F64>(to);
    case DType::Bool:
    case DType::U8:
      return cast_step_from<DType::U8>(to);
    case DType::F16:
    case DType::BF16:
    case DType::F32:
      return cast_step_from<DType::F32>(to);
  }
  return nullptr;
}

void Preparation::choose_cast(const graph::TapeStep& step, PreparedTape::Step& prepared) {
  prepared.kernel = cast_step_kernel(step.in, step.target);
  if (step.target == DType::F16 || step.target == DType::BF16) prepared.round = round_kernel(step.target);
}

}  // namespace

std::shared_ptr<const PreparedTape> prepare_tape(const graph::Launch& launch) { return Preparation(launch).run(); }

}  // namespace nngpu::cpu
