// QR, symmetric eigenproblems and singular values over stacks of matrices.
#include <algorithm>

#include "backend/cpu/launches/checks.h"
#include "backend/cpu/launches/dtypes.h"

namespace nngpu::cpu {
namespace {

using graph::LinalgParams;

// An output that was not asked for has shape (0,).
bool is_absent(const graph::Operand& out) { return out.shape.size() == 1 && out.shape[0] == 0; }

template <class T>
Stack<T> optional_stack(const Launch& launch, const RunContext& context, int position, ScratchFrame& scratch) {
  if (is_absent(launch.outputs[position])) return Stack<T>{.direct = true};
  return output_stack<T>(launch, context, position, Entry::Matrix, scratch);
}

template <class T>
void fill_identity(const Stack<T>& stack) {
  for (int64_t i = 0; i < stack.entries; ++i) {
    T* entry = stack.entry(i);
    std::fill(entry, entry + stack.entry_size(), T{0});
    for (int64_t j = 0; j < std::min(stack.rows, stack.columns); ++j) entry[j * stack.rows + j] = 1;
  }
}

template <class T>
void qr_items(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<LinalgParams>();
  ScratchFrame scratch;
  const auto q = optional_stack<T>(launch, context, 0, scratch);
  const auto r = output_stack<T>(launch, context, 1, Entry::Matrix, scratch);
  const auto a = copied_stack<T>(launch, context, 0, Entry::Matrix, scratch);
  const FiniteCheck finite(a, Region::Full, scratch);
  if (a.entries * a.entry_size() > 0)
    qr<T>(a.entries, a.rows, a.columns, params.full != 0, a.batch(), q.batch(), r.batch());
  else if (q.data != nullptr)
    fill_identity(q);
  finite.spoil(q);
  finite.spoil(r);
  report_failures(launch, context, "qr", params.check, finite, a.item_entries);
  store_stack(launch, context, 0, Entry::Matrix, q);
  store_stack(launch, context, 1, Entry::Matrix, r);
}

template <class T>
void eigh_items(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<LinalgParams>();
  ScratchFrame scratch;
  const auto w = output_stack<T>(launch, context, 0, Entry::Vector, scratch);
  const auto v = optional_stack<T>(launch, context, 1, scratch);
  const auto info = output_stack<int32_t>(launch, context, 2, Entry::Number, scratch);
  const auto a = copied_stack<T>(launch, context, 0, Entry::Matrix, scratch);
  const FiniteCheck finite(a, Region::Lower, scratch);
  std::fill(info.data, info.data + info.entries, 0);
  if (a.entries * a.entry_size() > 0) eigh<T>(a.entries, a.rows, a.batch(), w.data, a.rows, v.batch(), info.data);
  finite.spoil(w);
  finite.spoil(v);
  finite.spoil_info(info, a.rows);
  report_failures(launch, context, "eigh", params.check, finite, info, InfoKind::NotConverged);
  store_stack(launch, context, 0, Entry::Vector, w);
  store_stack(launch, context, 1, Entry::Matrix, v);
  store_stack(launch, context, 2, Entry::Number, info);
}

template <class T>
void svd_items(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<LinalgParams>();
  ScratchFrame scratch;
  const auto u = optional_stack<T>(launch, context, 0, scratch);
  const auto s = output_stack<T>(launch, context, 1, Entry::Vector, scratch);
  const auto vt = optional_stack<T>(launch, context, 2, scratch);
  const auto info = output_stack<int32_t>(launch, context, 3, Entry::Number, scratch);
  const auto a = copied_stack<T>(launch, context, 0, Entry::Matrix, scratch);
  const FiniteCheck finite(a, Region::Full, scratch);
  std::fill(info.data, info.data + info.entries, 0);
  if (a.entries * a.entry_size() > 0) {
    svd<T>(a.entries, a.rows, a.columns, params.full != 0, a.batch(), u.batch(), s.data, s.rows, vt.batch(),
           info.data);
  } else if (u.data != nullptr) {
    fill_identity(u);
    fill_identity(vt);
  }
  finite.spoil(u);
  finite.spoil(s);
  finite.spoil(vt);
  finite.spoil_info(info, a.columns);
  report_failures(launch, context, "svd", params.check, finite, info, InfoKind::NotConverged);
  store_stack(launch, context, 0, Entry::Matrix, u);
  store_stack(launch, context, 1, Entry::Vector, s);
  store_stack(launch, context, 2, Entry::Matrix, vt);
  store_stack(launch, context, 3, Entry::Number, info);
}

}  // namespace

void run_qr(const Launch& launch, const RunContext& context) {
  visit_real(launch.inputs[0].dtype, [&]<class T>() { qr_items<T>(launch, context); });
}

void run_eigh(const Launch& launch, const RunContext& context) {
  visit_real(launch.inputs[0].dtype, [&]<class T>() { eigh_items<T>(launch, context); });
}

void run_svd(const Launch& launch, const RunContext& context) {
  visit_real(launch.inputs[0].dtype, [&]<class T>() { svd_items<T>(launch, context); });
}

}  // namespace nngpu::cpu
