// QR, symmetric eigenproblems and singular values over stacks of matrices.
#include <algorithm>

#include "backend/cpu/launches/checks.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/pieces.h"

namespace nngpu::cpu {
namespace {

using graph::LinalgParams;

// An output that was not asked for has shape (0,).
bool is_absent(const graph::Operand& out) { return out.shape.size() == 1 && out.shape[0] == 0; }

template <class T>
int64_t optional_bytes(const Launch& launch, int position) {
  const graph::Operand& out = launch.outputs[position];
  return is_absent(out) ? 0 : entry_bytes(stack_shape<T>(out, Entry::Matrix, 1));
}

template <class T>
Pieces<T> optional_pieces(const Launch& launch, const RunContext& context, int position, const Cut& cut,
                          ScratchFrame& scratch) {
  if (is_absent(launch.outputs[position])) return Pieces<T>(scratch);
  return output_pieces<T>(launch, context, position, cut, scratch);
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
  const auto shape = stack_shape<T>(launch.inputs[0], Entry::Matrix, launch.items);
  const Cut cut(shape, entry_bytes(shape) + optional_bytes<T>(launch, 0) + optional_bytes<T>(launch, 1), 1);
  const auto matrices = copied_pieces<T>(launch, 0, cut, scratch);
  const auto all_q = optional_pieces<T>(launch, context, 0, cut, scratch);
  const auto all_r = output_pieces<T>(launch, context, 1, cut, scratch);
  FiniteCheck finite(shape.entries, scratch);
  cut.for_pieces([&](int64_t first, int64_t end) {
    const auto a = matrices.piece(first, end), q = all_q.piece(first, end), r = all_r.piece(first, end);
    fill_piece(launch, context, 0, a);
    finite.replace(a, Region::Full);
    if (a.entry_size() > 0)
      qr<T>(a.entries, a.rows, a.columns, params.full != 0, a.batch(), q.batch(), r.batch());
    else if (q.data != nullptr)
      fill_identity(q);
    finite.spoil(q);
    finite.spoil(r);
    store_piece(launch, context, 0, q);
    store_piece(launch, context, 1, r);
  });
  report_failures(launch, context, "qr", params.check, finite, shape.item_entries);
}

template <class T>
void eigh_items(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<LinalgParams>();
  ScratchFrame scratch;
  const auto shape = stack_shape<T>(launch.inputs[0], Entry::Matrix, launch.items);
  const Cut cut(shape, entry_bytes(shape) + optional_bytes<T>(launch, 1), 4);
  const auto matrices = copied_pieces<T>(launch, 0, cut, scratch);
  const auto all_w = output_stack<T>(launch, context, 0, Entry::Vector, scratch);
  const auto all_v = optional_pieces<T>(launch, context, 1, cut, scratch);
  const auto all_info = output_stack<int32_t>(launch, context, 2, Entry::Number, scratch);
  FiniteCheck finite(shape.entries, scratch);
  cut.for_pieces([&](int64_t first, int64_t end) {
    const auto a = matrices.piece(first, end), v = all_v.piece(first, end);
    const auto w = all_w.part(first, end);
    const auto info = all_info.part(first, end);
    fill_piece(launch, context, 0, a);
    finite.replace(a, Region::Lower);
    std::fill(info.data, info.data + info.entries, 0);
    if (a.entry_size() > 0) eigh<T>(a.entries, a.rows, a.batch(), w.data, a.rows, v.batch(), info.data);
    finite.spoil(w);
    finite.spoil(v);
    finite.spoil_info(info, a.rows);
    store_piece(launch, context, 1, v);
  });
  report_failures(launch, context, "eigh", params.check, finite, all_info, InfoKind::NotConverged);
  store_stack(launch, context, 0, Entry::Vector, all_w);
  store_stack(launch, context, 2, Entry::Number, all_info);
}

template <class T>
void svd_items(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<LinalgParams>();
  ScratchFrame scratch;
  const auto shape = stack_shape<T>(launch.inputs[0], Entry::Matrix, launch.items);
  const Cut cut(shape, entry_bytes(shape) + optional_bytes<T>(launch, 0) + optional_bytes<T>(launch, 2), 8);
  const auto matrices = copied_pieces<T>(launch, 0, cut, scratch);
  const auto all_u = optional_pieces<T>(launch, context, 0, cut, scratch);
  const auto all_s = output_stack<T>(launch, context, 1, Entry::Vector, scratch);
  const auto all_vt = optional_pieces<T>(launch, context, 2, cut, scratch);
  const auto all_info = output_stack<int32_t>(launch, context, 3, Entry::Number, scratch);
  FiniteCheck finite(shape.entries, scratch);
  cut.for_pieces([&](int64_t first, int64_t end) {
    const auto a = matrices.piece(first, end), u = all_u.piece(first, end), vt = all_vt.piece(first, end);
    const auto s = all_s.part(first, end);
    const auto info = all_info.part(first, end);
    fill_piece(launch, context, 0, a);
    finite.replace(a, Region::Full);
    std::fill(info.data, info.data + info.entries, 0);
    if (a.entry_size() > 0) {
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
    store_piece(launch, context, 0, u);
    store_piece(launch, context, 2, vt);
  });
  report_failures(launch, context, "svd", params.check, finite, all_info, InfoKind::NotConverged);
  store_stack(launch, context, 1, Entry::Vector, all_s);
  store_stack(launch, context, 3, Entry::Number, all_info);
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
