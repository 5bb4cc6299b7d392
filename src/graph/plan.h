// Plans: a graph turned into launches over slots of memory. A plan refers to no node, so it can be cached and
// replayed for every graph of the same structure.
#ifndef NNGPU_GRAPH_PLAN_H_
#define NNGPU_GRAPH_PLAN_H_

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "graph/node.h"
#include "graph/replays.h"

namespace nngpu::graph {

// The nodes a plan computes and those it reads, in topological order (inputs first), with what must be kept.
struct GraphView {
  struct Item {
    Node* node;
    bool is_input = false;  // ready data or a placeholder: its value is given
    bool escapes = false;   // its outputs are kept
    bool donated = false;   // an input whose storage nobody else will read: the plan may overwrite it
    std::vector<std::pair<int32_t, uint32_t>> inputs;  // (item, output)

    // Of an input: the layout of each output's value.
    const Dims& strides(uint32_t output) const { return node->outputs[output].value.strides; }
  };
  std::vector<Item> items;
  Device device;
};

enum class SlotKind : uint8_t { Input, Constant, Temporary, Output };

struct Slot {
  SlotKind kind;
  DType dtype = DType::F32;  // of a constant
  int32_t item = -1;         // Input, Constant: the item whose value it is
  int64_t bytes = 0;         // Temporary, Output
  int64_t arena_offset = 0;  // Temporary
  int32_t donor = -1;        // Output: the donated input slot it may take over, or -1
};

// An output of an item that is kept: where it lies when the plan has run.
struct Escape {
  int32_t item;
  uint32_t output;
  Operand value;
};

struct Plan {
  std::vector<Slot> slots;
  std::vector<Launch> launches;
  std::vector<Escape> escapes;
  int64_t arena_bytes = 0;
  bool has_checks = false;                        // some launch can fail on its values
  std::vector<std::vector<int32_t>> item_inputs;  // the items each item reads, for the spread of errors
  std::vector<int32_t> item_epochs;               // how many waiting ties each item is behind
  std::unique_ptr<PlanReplays> replays = std::make_unique<PlanReplays>();
};

using KeyWords = std::vector<uint64_t>;

// Four chains of multiplications side by side: one would take as long as their sum.
inline size_t hash_words(const KeyWords& words) {
  const auto mix = [](uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    return hash ^ hash >> 32;
  };
  uint64_t chains[4] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu, 0xd6e8feb86659fd93u};
  size_t i = 0;
  for (; i + 4 <= words.size(); i += 4) {
    for (size_t chain = 0; chain < 4; ++chain) chains[chain] = mix(chains[chain], words[i + chain]);
  }
  for (; i < words.size(); ++i) chains[i % 4] = mix(chains[i % 4], words[i]);
  return mix(mix(chains[0], chains[1]), mix(chains[2], chains[3]));
}

// Fills `key` with everything a plan depends on, as words: structure, parameters, dtypes, shapes, input strides,
// what is kept, device.
void plan_key(const GraphView& graph, KeyWords& key);

// Builds the plan: fuse, lower, batch, assign memory, prepare.
std::unique_ptr<Plan> build_plan(const GraphView& graph, Backend& backend);

// Assigns arena offsets to the temporaries so that those alive together do not overlap.
void assign_memory(Plan& plan);

// A result overwrites a donated input only if nothing reads the input afterwards, nor beside it in the same
// launch.
void drop_unsafe_donors(Plan& plan);

// Merges independent equal small launches; reorders only where something merges.
void batch_launches(Plan& plan);

// Joins elementwise launches to the products and elementwise launches they read. Tests may switch it off.
void join_chains(Plan& plan, Backend& backend);
bool& chains_are_joined();

// Joins independent reductions over one loop that share what they read, and elementwise work on small vectors.
// Tests may switch it off.
void join_siblings(Plan& plan);
bool& siblings_are_joined();

// Merges independent elementwise launches of one tape, whatever their sizes, such as an optimizer's updates of its
// parameters.
void merge_elementwise(Plan& plan);

// Joins launches that compute single numbers to one tape.
void join_numbers(Plan& plan);

// Groups of elementwise nodes that run as one launch: group[i] is the item at the root of item i's group (its last
// node), or -1 for items that are no elementwise or reduce node.
std::vector<int32_t> fuse(const GraphView& graph);

// A plan as text (explain).
std::string describe(const Plan& plan, const GraphView& graph);

// What a slot is bound to for one run: an input's memory or a constant's value.
struct Binding {
  BufferPtr buffer;
  char* address = nullptr;
  bool donate = false;   // this run may overwrite the buffer
  int64_t constant = 0;  // in the layout of ConstantParams::bits
};

struct RunResult {
  std::vector<BufferPtr> outputs;               // an entry a slot, null but for outputs
  std::vector<std::exception_ptr> item_errors;  // an entry an item; empty where nothing failed
  std::vector<PlanCheck> checks;                // what may still be found to have failed (deferred.h)
};

// Items and their own errors.
using ItemErrors = std::vector<std::pair<int32_t, std::exception_ptr>>;
// Waits for the checks' status words and appends the errors they hold.
void read_checks(const std::vector<PlanCheck>& checks, ItemErrors& failed);
// The failed items, and every item that reads one, carry the error.
void spread_errors(const Plan& plan, const ItemErrors& failed, std::vector<std::exception_ptr>& item_errors);

// Runs a plan; `bindings` has an entry a slot. Where a launch throws (a value error does not), so does this and
// nothing has changed; but if the plan overwrites donated inputs, every item fails instead.
RunResult run_plan(const Plan& plan, Backend& backend, const std::vector<Binding>& bindings);

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_PLAN_H_
