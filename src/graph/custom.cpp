#include "graph/custom.h"

#include <deque>
#include <map>
#include <mutex>

namespace nngpu::graph {
namespace {

// Values by number, equal ones (by their key) once.
template <class T>
class Registry {
 public:
  int64_t add(const std::string& key, T value) {
    std::lock_guard lock(mutex_);
    const auto [found, is_new] = numbers_.try_emplace(key, static_cast<int64_t>(values_.size()));
    if (is_new) values_.push_back(std::move(value));
    return found->second;
  }
  const T& at(int64_t id) {
    std::lock_guard lock(mutex_);
    return values_[static_cast<size_t>(id)];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int64_t> numbers_;
  std::deque<T> values_;  // grows without moving what it holds
};

Registry<Kernel::Definition>& definitions() {
  static auto* instance = new Registry<Kernel::Definition>;
  return *instance;
}
Registry<Kernel::Call>& calls() {
  static auto* instance = new Registry<Kernel::Call>;
  return *instance;
}

// Lengths before contents: no two different lists have the same text.
void append(std::string& key, const std::string& text) { key += std::to_string(text.size()) + ":" + text; }
void append(std::string& key, const std::vector<std::string>& texts) {
  key += std::to_string(texts.size()) + ";";
  for (const std::string& text : texts) append(key, text);
}

}  // namespace

int64_t register_kernel(Kernel::Definition definition) {
  std::string key;
  for (const std::string* text : {&definition.name, &definition.body, &definition.header}) append(key, *text);
  for (const auto* list : {&definition.inputs, &definition.numbers, &definition.outputs}) append(key, *list);
  return definitions().add(key, std::move(definition));
}

const Kernel::Definition& kernel_definition(int64_t id) { return definitions().at(id); }

int64_t register_call(const Kernel::Call& call) {
  std::string key;
  for (const Shape& shape : call.shapes) append(key, to_string(shape));
  for (const DType dtype : call.dtypes) append(key, dtype_name(dtype));
  for (const Kernel::Grid& grid : {call.blocks, call.threads})
    for (const int64_t count : {grid.x, grid.y, grid.z}) append(key, std::to_string(count));
  return calls().add(key, call);
}

const Kernel::Call& kernel_call(int64_t id) { return calls().at(id); }

}  // namespace nngpu::graph
