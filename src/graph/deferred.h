// Value errors that are known only when a device has finished: a run's results are published at once, and whoever
// reads one asks here first.
#ifndef NNGPU_GRAPH_DEFERRED_H_
#define NNGPU_GRAPH_DEFERRED_H_

#include <mutex>

#include "graph/plan.h"

namespace nngpu::graph {

// The value errors of one run of a plan. A result that may carry one refers to it (Node::deferred), and so do the
// errors of later runs that read such a result: an error reaches everything computed from the failed value,
// however late it is found. Thread-safe.
class DeferredErrors {
 public:
  // An input of the run whose own run's errors may be unknown.
  struct Source {
    int32_t item;
    std::shared_ptr<DeferredErrors> errors;
    int32_t their_item;
  };
  // Null where no item can fail. Takes result.checks. Reads the errors of earlier runs where they have become
  // many.
  static std::shared_ptr<DeferredErrors> of(std::shared_ptr<const Plan> plan, RunResult& result,
                                            std::vector<Source> sources);

  bool may_fail(int32_t item) const { return may_fail_[item]; }
  // Of an item, or null. Waits for the device if need be; throws what the device throws, and asks again next time.
  std::exception_ptr error(int32_t item);
  // The same without waiting: null, too, where it is not known yet.
  std::exception_ptr known_error(int32_t item) const;

 private:
  DeferredErrors(std::shared_ptr<const Plan> plan, std::vector<PlanCheck> checks, std::vector<Source> sources);
  void read();

  std::vector<bool> may_fail_;  // an entry an item
  int32_t depth_ = 1;           // longest chain of runs whose errors were unknown
  mutable std::mutex mutex_;
  std::atomic<bool> known_{false};
  std::shared_ptr<const Plan> plan_;  // until the errors are known, as the rest
  std::vector<PlanCheck> checks_;
  std::vector<Source> sources_;
  std::vector<std::exception_ptr> errors_;  // an entry an item, or none
};

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_DEFERRED_H_
