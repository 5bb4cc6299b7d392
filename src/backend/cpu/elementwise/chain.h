// Fused chains in registers: a tape of one floating type as a program for an accumulator of a few vectors.
//
// The tile kernels pass over a tile once a step, loading and storing every intermediate value, and touch memory in
// bursts, between which it idles while a costly step computes. A chain takes a few vectors through all steps
// before it goes on to the next ones: intermediate values stay in registers, and the processor reads the next
// operands while it still computes. The arithmetic is that of the tile kernels, so are the results.
#ifndef NNGPU_BACKEND_CPU_ELEMENTWISE_CHAIN_H_
#define NNGPU_BACKEND_CPU_ELEMENTWISE_CHAIN_H_

#include <cstddef>
#include <vector>

#include "graph/launch.h"

namespace nngpu::cpu {

// Runs one step on the accumulator and calls the next one, the last thing it does. Its true signature passes
// vectors of the chosen instruction set.
using ChainHandler = void (*)();

struct ChainStep {
  ChainHandler handler;
  char* at;      // the operand of the block at byte `i` of the range is at + (i & moves)
  size_t moves;  // all ones in memory; zero for one element, and for a saved block
};

// Near: in the caches, at least soon. Far: in memory, to be asked for well before its use. Element: one, repeated.
enum class ChainOperand : uint8_t { Near, Far, Element };

// Runs the steps over `bytes`, a multiple of the block.
using ChainRunner = void (*)(const ChainStep* steps, size_t bytes);

struct ChainHandlers {
  size_t block = 0;               // bytes of the accumulator
  ChainHandler load[3] = {};      // by ChainOperand
  ChainHandler save = nullptr;    // to `at`
  ChainHandler stream = nullptr;  // to `at`, aligned, past the caches
  ChainHandler end = nullptr;
  ChainRunner run = nullptr;
  // Null where a primitive has no handler.
  ChainHandler unary[kElementwiseCount] = {};
  ChainHandler binary[kElementwiseCount][3][2] = {};  // [operand][the accumulator is b]
};
// Of F32 or F64.
const ChainHandlers& chain_handlers(DType type);

// What prepare() makes of a tape, once a plan.
struct Chain {
  enum class Place : uint8_t { None, Load, Element, Slot, Result };
  struct Step {
    ChainHandler handler;
    Place place = Place::None;
    int32_t index = -1;  // of a load, a slot, or the tape's step whose result this is
  };
  std::vector<Step> steps;
  int32_t slots = 0;  // blocks saved between steps
  size_t size = 0;    // bytes of an element
  size_t block = 0;   // bytes of a block; 0: the tape cannot run as a chain
  ChainRunner run = nullptr;
  ChainHandler stream = nullptr;
};

// Whether a chain beats the tile kernels. `operands`: what the loads are; `streams`: a result goes past the
// caches.
bool worth_a_chain(const graph::Tape& tape, const std::vector<ChainOperand>& operands, bool streams);
// A chain without block where the tape has steps that chains lack. `last_use`: the last step that reads a value,
// or the number of steps where it is a result of the launch.
Chain prepare_chain(const graph::Tape& tape, const std::vector<ChainOperand>& operands,
                    const std::vector<int32_t>& last_use);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_ELEMENTWISE_CHAIN_H_
