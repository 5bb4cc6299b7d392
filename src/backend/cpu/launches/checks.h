// What the decompositions check: finite input beforehand, info afterwards.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_CHECKS_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_CHECKS_H_

#include <atomic>

#include "backend/cpu/launches/stack.h"
#include "backend/matrix_errors.h"

namespace nngpu::cpu {

// Which region of a matrix a decomposition reads.
enum class Region { Full, Lower };

// Finds the entries that hold NaN or infinity and replaces each by the identity, so that every algorithm gets
// through the whole stack. Threads may work on different parts of the stack at the same time.
class FiniteCheck {
 public:
  // Of that many entries, all of them good so far.
  FiniteCheck(int64_t entries, ScratchFrame& scratch);
  template <class T>
  void replace(const Stack<T>& matrices, Region region);
  bool any() const { return any_.load(std::memory_order_relaxed); }
  // The first bad entry in [begin, end), or -1.
  int64_t first(int64_t begin, int64_t end) const;
  // Overwrites the results of bad entries with NaN.
  template <class T>
  void spoil(const Stack<T>& results) const;
  // Sets info of bad entries to n + 1.
  void spoil_info(const Stack<int32_t>& info, int64_t n) const;

 private:
  bool* bad_;
  std::atomic<bool> any_{false};
};

// Reports what the finite check found, and the first info > 0 of each item, as LinalgParams::check asks for.
void report_failures(const Launch& launch, const RunContext& context, const char* operation, int64_t check,
                     const FiniteCheck& finite, int64_t item_entries);
void report_failures(const Launch& launch, const RunContext& context, const char* operation, int64_t check,
                     const FiniteCheck& finite, const Stack<int32_t>& info, InfoKind kind);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_CHECKS_H_
