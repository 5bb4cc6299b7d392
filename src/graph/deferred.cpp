#include "graph/deferred.h"

namespace nngpu::graph {
namespace {

// Runs whose errors nobody reads would make a chain without end, each with its words in the device's memory.
constexpr int32_t kMostDepth = 64;

}  // namespace

std::shared_ptr<DeferredErrors> DeferredErrors::of(std::shared_ptr<const Plan> plan, RunResult& result,
                                                   std::vector<Source> sources) {
  std::erase_if(sources, [](const Source& source) {
    return source.errors->known_ && !source.errors->known_error(source.their_item);
  });
  if (result.checks.empty() && sources.empty()) return nullptr;
  for (const Source& source : sources) {
    if (source.errors->depth_ < kMostDepth) continue;
    try {
      source.errors->read();
    } catch (...) {
      // The device has failed: whoever reads a result is told.
    }
  }
  return std::shared_ptr<DeferredErrors>(
      new DeferredErrors(std::move(plan), std::move(result.checks), std::move(sources)));
}

DeferredErrors::DeferredErrors(std::shared_ptr<const Plan> plan, std::vector<PlanCheck> checks,
                               std::vector<Source> sources)
    : may_fail_(plan->item_inputs.size(), false),
      plan_(std::move(plan)),
      checks_(std::move(checks)),
      sources_(std::move(sources)) {
  for (const PlanCheck& check : checks_)
    for (const int32_t item : check.launch->nodes) may_fail_[item] = true;
  for (const Source& source : sources_) {
    may_fail_[source.item] = true;
    if (!source.errors->known_) depth_ = std::max(depth_, source.errors->depth_ + 1);
  }
  for (size_t i = 0; i < may_fail_.size(); ++i)
    for (const int32_t input : plan_->item_inputs[i]) may_fail_[i] = may_fail_[i] || may_fail_[input];
}

std::exception_ptr DeferredErrors::error(int32_t item) {
  read();
  return known_error(item);
}

std::exception_ptr DeferredErrors::known_error(int32_t item) const {
  if (!known_.load(std::memory_order_acquire) || errors_.empty()) return nullptr;
  return errors_[item];
}

void DeferredErrors::read() {
  if (known_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  if (known_.load(std::memory_order_relaxed)) return;
  ItemErrors failed;
  for (const Source& source : sources_)
    if (const std::exception_ptr error = source.errors->error(source.their_item))
      failed.emplace_back(source.item, error);
  read_checks(checks_, failed);
  if (!failed.empty()) spread_errors(*plan_, failed, errors_);
  checks_.clear();
  sources_.clear();
  plan_.reset();
  known_.store(true, std::memory_order_release);
}

}  // namespace nngpu::graph
