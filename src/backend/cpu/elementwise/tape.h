// Running a fused chain over tiles that stay in the first-level cache.
#ifndef NNGPU_BACKEND_CPU_ELEMENTWISE_TAPE_H_
#define NNGPU_BACKEND_CPU_ELEMENTWISE_TAPE_H_

#include <vector>

#include "backend/cpu/elementwise/chain.h"
#include "backend/cpu/elementwise/kernels.h"
#include "graph/launch.h"

namespace nngpu::cpu {

// Elements of a tile. With the handful of tiles a chain keeps at once this fits a 32 KB cache.
inline constexpr int64_t kTile = 1024;
// Rows at least this long are cut into tiles of one row; shorter rows are packed several to a tile.
inline constexpr int64_t kLongRow = 256;

// What prepare() works out of a launch's tape, once a plan.
struct PreparedTape {
  enum class Access : uint8_t {
    Linear,      // element i of the loop is element i of memory: used in place
    Row,         // consecutive within a long row: used in place
    Uniform,     // one element for the whole loop
    RowUniform,  // one element a long row
    Packed       // gathered into a tile
  };
  struct Load {
    Access access;
    bool expand;         // a uniform element that some step needs as a tile
    size_t size;         // bytes an element in memory
    CastKernel convert;  // to the compute type, or null
    size_t compute_size;
    int32_t tile = -1;  // scratch tile for packed, expanded or converted elements
    bool far = false;   // in place, and too large to be in the caches: worth asking for ahead
    bool uniform() const { return access == Access::Uniform || access == Access::RowUniform; }
    bool one_element() const { return uniform() && !expand; }
  };
  struct Step {
    StepKernel kernel = nullptr;
    RoundKernel round = nullptr;  // instead of a kernel: a cast to a half type
    int32_t source[3];
    int32_t tile;
    int32_t store = -1;  // the output it may write straight to
  };
  struct Store {
    int32_t value;
    size_t size;
    CastKernel convert;  // from the compute type, or null
    size_t compute_size;
    bool stream;  // too large a result to be found in the caches again: written past them
  };
  std::vector<Load> loads;
  std::vector<Step> steps;
  std::vector<Store> stores;
  int32_t tiles = 0;
  Chain chain;        // the steps once more, for whole blocks
  int64_t row = 1;    // elements of the innermost axis
  int64_t count = 1;  // elements of the whole loop
  bool long_rows = false;
};

std::shared_ptr<const PreparedTape> prepare_tape(const graph::Launch& launch);

// One thread's walk over a prepared tape.
class TapeRun {
 public:
  TapeRun(const graph::Launch& launch, const PreparedTape& prepared, const graph::RunContext& context);

  // Computes elements [start, start + count) of the loop, count <= kTile, not crossing a row where rows are long.
  // direct[k], where not null, is where the value of store k may be written at once; that of a streamed store only
  // where the tape has a chain.
  void compute(int64_t start, int64_t count, char* const* direct);
  // The tile of a value after compute().
  const char* value(int32_t index) const { return values_[index]; }
  // Computes a part as compute() takes it, and stores the launch's results.
  void store(int64_t start, int64_t count);
  const PreparedTape& tape() const { return prepared_; }

 private:
  int64_t row_offset(const graph::Operand& operand, int64_t row) const;
  void load(size_t index, int64_t start, int64_t count);
  char* result(const PreparedTape::Step& step, char* const* direct) const;
  void bind_chain();
  int64_t compute_chain(int64_t count, char* const* direct);
  void compute_steps(int64_t from, int64_t count, char* const* direct);
  void pack(char* to, const char* base, const graph::Operand& operand, size_t size, int64_t start,
            int64_t count) const;

  const graph::Launch& launch_;
  const PreparedTape& prepared_;
  const graph::RunContext& context_;
  std::vector<const char*>& values_;
  std::vector<ChainStep>& chain_;
  char* scratch_;
  char* slots_;
};

// Computes and stores elements [start, start + count) of the loop.
void run_part(TapeRun& run, int64_t start, int64_t count);

// Fills launch.prepared, of all items where there are several (then each is one run of elements).
void prepare_elementwise(graph::Launch& launch);
void run_elementwise(const graph::Launch& launch, const graph::RunContext& context);
void run_reduce(const graph::Launch& launch, const graph::RunContext& context);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_ELEMENTWISE_TAPE_H_
