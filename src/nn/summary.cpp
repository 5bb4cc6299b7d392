#include "nngpu/nn/summary.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "graph/trace.h"
#include "nn/module_state.h"
#include "nngpu/autograd.h"

namespace nngpu::nn {
namespace {

class Recorder : public CallObserver {
 public:
  Recorder(const Module& model, std::vector<Summary::Row>& rows) : rows_(rows) {
    model.for_each([&](const std::string& name, const Module& module) {
      names_.emplace(module.shared().get(), name);  // the first name of a module that has several
    });
  }

  size_t enter(const Module& module) override {
    const auto found = names_.find(module.shared().get());
    Summary::Row row{found != names_.end() ? found->second : "?", module.describe(), depth_++, {}, 0};
    for (const auto& [name, variable] : module.own_parameters())
      if (counted_.insert(variable.cell().get()).second) row.parameters += numel(variable.shape());
    rows_.push_back(row);
    return rows_.size() - 1;
  }

  void leave(size_t call, const Tensor& result) override {
    --depth_;
    if (result.defined()) rows_[call].output = result.shape();
  }

 private:
  std::vector<Summary::Row>& rows_;
  std::map<const void*, std::string> names_;
  std::set<const void*> counted_;
  int depth_ = 0;
};

// 1234567 as "1,234,567".
std::string grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, text.size()), ' ');
}

std::string title(const Summary::Row& row) {
  const std::string indent(static_cast<size_t>(2 * row.depth), ' ');
  return indent + (row.name.empty() ? row.layer : row.name + ": " + row.layer);
}

}  // namespace

Summary summary(const Module& model, const Shape& input, DType dtype) {
  Summary result;
  {
    // Inside a trace nothing is computed, and assignments and draws change nothing outside.
    graph::Trace trace;
    const NoGrad off;
    Recorder recorder(model, result.rows);
    model(trace.add_placeholder(input, dtype, default_device(), row_major_strides(input)));
  }
  const auto count = [&](const NamedVariables& variables, int64_t& elements) {
    for (const auto& [name, variable] : variables) {
      elements += numel(variable.shape());
      result.bytes += numel(variable.shape()) * static_cast<int64_t>(dtype_size(variable.dtype()));
    }
  };
  count(model.named_parameters(), result.parameters);
  count(model.named_buffers(), result.buffers);
  return result;
}

std::ostream& operator<<(std::ostream& out, const Summary& summary) {
  size_t first = 5, second = 6;
  for (const Summary::Row& row : summary.rows) {
    first = std::max(first, title(row).size());
    second = std::max(second, to_string(row.output).size());
  }
  const std::string line(first + second + 14, '-');
  out << padded("layer", first) << "  " << padded("output", second) << "  parameters\n" << line << '\n';
  for (const Summary::Row& row : summary.rows) {
    out << padded(title(row), first) << "  ";
    if (row.parameters == 0)
      out << to_string(row.output) << '\n';
    else
      out << padded(to_string(row.output), second) << "  " << grouped(row.parameters) << '\n';
  }
  return out << line << '\n'
             << grouped(summary.parameters) << " parameters, " << grouped(summary.buffers)
             << " elements of buffers, " << grouped(summary.bytes) << " bytes\n";
}

}  // namespace nngpu::nn
