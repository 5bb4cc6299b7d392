// A bounded cache of plans, least recently used out. Not thread-safe: its owner locks.
#ifndef NNGPU_GRAPH_PLAN_CACHE_H_
#define NNGPU_GRAPH_PLAN_CACHE_H_

#include <list>
#include <memory>
#include <unordered_map>

#include "graph/plan.h"

namespace nngpu::graph {

template <class Entry>
class PlanCache {
 public:
  explicit PlanCache(size_t capacity) : capacity_(capacity) {}

  std::shared_ptr<Entry> find(const KeyWords& key) {
    const auto found = index_.find(&key);
    if (found == index_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->second;
  }

  // Replaces an entry of the same key.
  void insert(KeyWords key, std::shared_ptr<Entry> entry) {
    if (const auto found = index_.find(&key); found != index_.end()) {
      const auto old = found->second;
      index_.erase(found);
      order_.erase(old);
    }
    order_.emplace_front(std::move(key), std::move(entry));
    index_[&order_.front().first] = order_.begin();
    if (order_.size() <= capacity_) return;
    index_.erase(&order_.back().first);
    order_.pop_back();
  }

  size_t size() const { return order_.size(); }

 private:
  struct Hash {
    size_t operator()(const KeyWords* key) const { return hash_words(*key); }
  };
  struct Equal {
    bool operator()(const KeyWords* a, const KeyWords* b) const { return *a == *b; }
  };
  using Order = std::list<std::pair<KeyWords, std::shared_ptr<Entry>>>;
  size_t capacity_;
  Order order_;
  std::unordered_map<const KeyWords*, typename Order::iterator, Hash, Equal> index_;
};

}  // namespace nngpu::graph

#endif  // NNGPU_GRAPH_PLAN_CACHE_H_
