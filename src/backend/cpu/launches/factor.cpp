// LU, Cholesky, inverses and solutions over stacks of matrices.
#include <numeric>
#include <string>

#include "backend/cpu/blas.h"
#include "backend/cpu/launches/checks.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/pieces.h"
#include "nngpu/error.h"

namespace nngpu::cpu {
namespace {

using graph::LinalgParams;

// Row i of P^T A is row permutation[i] of A.
void permutations(const Stack<int32_t>& pivots, const Stack<int64_t>& permutation) {
  for (int64_t i = 0; i < permutation.entries; ++i) {
    int64_t* rows = permutation.entry(i);
    std::iota(rows, rows + permutation.rows, int64_t{0});
    for (int64_t p = 0; p < pivots.rows; ++p) std::swap(rows[p], rows[pivots.entry(i)[p]]);
  }
}

template <class T>
void lu_factor(const Launch& launch, const RunContext& context) {
  ScratchFrame scratch;
  const auto shape = stack_shape<T>(launch.inputs[0], Entry::Matrix, launch.items);
  const Cut cut(shape, entry_bytes(shape), 0.4);
  const auto results = output_pieces<T>(launch, context, 0, cut, scratch);
  const auto all_pivots = output_stack<int32_t>(launch, context, 1, Entry::Vector, scratch);
  const auto all_info = output_stack<int32_t>(launch, context, 2, Entry::Number, scratch);
  FiniteCheck finite(shape.entries, scratch);
  cut.for_pieces([&](int64_t first, int64_t end) {
    const auto factors = results.piece(first, end);
    const auto pivots = all_pivots.part(first, end), info = all_info.part(first, end);
    const FetchNext fetch(launch, context, 0, factors);
    fill_piece(launch, context, 0, factors);
    finite.replace(factors, Region::Full);
    if (factors.entry_size() > 0)
      lu<T>(factors.entries, factors.rows, factors.columns, factors.batch(), pivots.data, info.data);
    else
      std::fill(info.data, info.data + info.entries, 0);
    finite.spoil(factors);
    finite.spoil_info(info, factors.columns);
    store_piece(launch, context, 0, factors);
  });
  report_failures(launch, context, "lu_factor", launch.params.as<LinalgParams>().check, finite, all_info,
                  InfoKind::Singular);
  store_stack(launch, context, 1, Entry::Vector, all_pivots);
  store_stack(launch, context, 2, Entry::Number, all_info);
  if (static_cast<int>(launch.outputs.size()) / launch.items > 3) {
    const auto permutation = output_stack<int64_t>(launch, context, 3, Entry::Vector, scratch);
    permutations(all_pivots, permutation);
    store_stack(launch, context, 3, Entry::Vector, permutation);
  }
}

// Pivots may come from anywhere: none may point outside its matrix.
bool check_pivots(const Launch& launch, const RunContext& context, const Stack<int32_t>& pivots, int64_t n) {
  bool good = true;
  for (int32_t item = 0; item < launch.items; ++item) {
    const int32_t* values = pivots.data + item * pivots.item_entries * pivots.rows;
    for (int64_t i = 0; i < pivots.item_entries * pivots.rows; ++i) {
      if (values[i] >= 0 && values[i] < n) continue;
      context.failures->push_back({item, std::make_exception_ptr(IndexError(
                                             "[lu_solve] pivot " + std::to_string(values[i]) +
                                             " is out of range for a matrix of size " + std::to_string(n)))});
      good = false;
      break;
    }
  }
  return good;
}

template <class T>
void lu_solve_items(const Launch& launch, const RunContext& context) {
  ScratchFrame scratch;
  const auto shape = stack_shape<T>(launch.outputs[0], Entry::Matrix, launch.items);
  if (shape.entries * shape.entry_size() == 0) return;
  const auto square = stack_shape<T>(launch.inputs[0], Entry::Matrix, launch.items);
  const Cut cut(square, entry_bytes(square) + entry_bytes(shape), 0.2, shape.columns);
  const auto all_pivots = input_stack<int32_t>(launch, context, 1, Entry::Vector, scratch);
  const auto all_factors = input_pieces<T>(launch, context, 0, cut, scratch);
  const auto results = output_pieces<T>(launch, context, 0, cut, scratch);
  if (!check_pivots(launch, context, all_pivots, shape.rows)) return;
  cut.for_pieces([&](int64_t first, int64_t end) {
    const auto factors = all_factors.piece(first, end), x = results.piece(first, end);
    if (!factors.direct) fill_piece(launch, context, 0, factors);
    fill_piece(launch, context, 2, x);
    lu_solve<T>(x.entries, x.rows, x.columns, factors.const_batch(), all_pivots.entry(first), x.batch());
    store_piece(launch, context, 0, x);
  });
}

// The upper factor is the transpose of the lower one of the transposed matrix.
template <class T>
void cholesky_items(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<LinalgParams>();
  const bool upper = params.upper != 0;
  ScratchFrame scratch;
  const auto shape = stack_shape<T>(launch.inputs[0], Entry::Matrix, launch.items);
  const Cut cut(shape, entry_bytes(shape), 0.1);
  const auto results = output_pieces<T>(launch, context, 0, cut, scratch, upper);
  const auto all_info = output_stack<int32_t>(launch, context, 1, Entry::Number, scratch);
  FiniteCheck finite(shape.entries, scratch);
  cut.for_pieces([&](int64_t first, int64_t end) {
    const auto factors = results.piece(first, end);
    const auto info = all_info.part(first, end);
    fill_piece(launch, context, 0, factors, upper);
    finite.replace(factors, Region::Lower);
    std::fill(info.data, info.data + info.entries, 0);
    if (factors.entry_size() > 0) cholesky<T>(factors.entries, factors.rows, factors.batch(), info.data);
    finite.spoil(factors);
    finite.spoil_info(info, factors.rows);
    store_piece(launch, context, 0, factors, upper);
  });
  report_failures(launch, context, "cholesky", params.check, finite, all_info, InfoKind::NotPositiveDefinite);
  store_stack(launch, context, 1, Entry::Number, all_info);
}

template <class T>
void inverse_items(const Launch& launch, const RunContext& context) {
  ScratchFrame scratch;
  const auto shape = stack_shape<T>(launch.inputs[0], Entry::Matrix, launch.items);
  const Cut cut(shape, entry_bytes(shape), 1);
  const auto results = output_pieces<T>(launch, context, 0, cut, scratch);
  const auto all_info = output_stack<int32_t>(launch, context, 1, Entry::Number, scratch);
  FiniteCheck finite(shape.entries, scratch);
  cut.for_pieces([&](int64_t first, int64_t end) {
    const auto inverses = results.piece(first, end);
    const auto info = all_info.part(first, end);
    const FetchNext fetch(launch, context, 0, inverses);
    fill_piece(launch, context, 0, inverses);
    finite.replace(inverses, Region::Full);
    std::fill(info.data, info.data + info.entries, 0);
    if (inverses.entry_size() > 0) inverse<T>(inverses.entries, inverses.rows, inverses.batch(), info.data);
    finite.spoil(inverses);
    finite.spoil_info(info, inverses.rows);
    store_piece(launch, context, 0, inverses);
  });
  report_failures(launch, context, "inverse", launch.params.as<LinalgParams>().check, finite, all_info,
                  InfoKind::Singular);
  store_stack(launch, context, 1, Entry::Number, all_info);
}

template <class T>
void solve_items(const Launch& launch, const RunContext& context) {
  ScratchFrame scratch;
  const auto shape = stack_shape<T>(launch.inputs[0], Entry::Matrix, launch.items);
  const auto x_shape = stack_shape<T>(launch.outputs[0], Entry::Matrix, launch.items);
  const Cut cut(shape, entry_bytes(shape) + entry_bytes(x_shape), 0.8, x_shape.columns);
  const auto matrices = copied_pieces<T>(launch, 0, cut, scratch);
  const auto results = output_pieces<T>(launch, context, 0, cut, scratch);
  const auto all_info = output_stack<int32_t>(launch, context, 1, Entry::Number, scratch);
  FiniteCheck finite(shape.entries, scratch);
  cut.for_pieces([&](int64_t first, int64_t end) {
    const auto a = matrices.piece(first, end), x = results.piece(first, end);
    const auto info = all_info.part(first, end);
    const FetchNext fetch(launch, context, 0, a);
    fill_piece(launch, context, 0, a);
    fill_piece(launch, context, 1, x);
    finite.replace(a, Region::Full);
    std::fill(info.data, info.data + info.entries, 0);
    if (a.entry_size() > 0) solve<T>(a.entries, a.rows, x.columns, a.batch(), x.batch(), info.data);
    finite.spoil(x);
    finite.spoil_info(info, a.rows);
    store_piece(launch, context, 0, x);
  });
  report_failures(launch, context, "solve", launch.params.as<LinalgParams>().check, finite, all_info,
                  InfoKind::Singular);
  store_stack(launch, context, 1, Entry::Number, all_info);
}

// In place of the output, on whatever strides it and the matrix have.
template <class T>
void triangular_item(const Item& item, const graph::TriangularParams& params, const RunContext& context) {
  const graph::Operand &a = item.inputs[0], &b = item.inputs[1], &x = item.outputs[0];
  const int rank = x.shape.size();
  if (element_count(x.shape) == 0) return;
  copy_strided(sizeof(T), x.shape, context.at(b), b.strides, context.at(x), x.strides);
  Walk<2> batch;
  for (int i = 0; i < rank - 2; ++i) batch.append(x.shape[i], {a.strides[i], x.strides[i]});
  const int64_t n = x.shape[rank - 2], columns = x.shape[rank - 1];
  int64_t rs = a.strides[rank - 2], cs = a.strides[rank - 1];
  bool upper = params.upper != 0;
  if (params.transpose != 0) {
    std::swap(rs, cs);
    upper = !upper;
  }
  const auto solve_range = [&](int64_t begin, int64_t end) {
    batch.for_points(begin, end, [&](const int64_t(&at)[2], int64_t) {
      trsm<T>(upper ? Triangle::Upper : Triangle::Lower, params.unit_diagonal ? Diagonal::Unit : Diagonal::NonUnit,
              n, columns, {context.at<T>(a) + at[0], rs, cs},
              {context.at<T>(x) + at[1], x.strides[rank - 2], x.strides[rank - 1]});
    });
  };
  constexpr int64_t kLarge = 256;  // from here on each solve has work for all threads
  if (n >= kLarge)
    solve_range(0, batch.count());
  else
    parallel_for(batch.count(), line_grain(n * n * columns), solve_range);
}

}  // namespace

void run_lu_factor(const Launch& launch, const RunContext& context) {
  visit_real(launch.inputs[0].dtype, [&]<class T>() { lu_factor<T>(launch, context); });
}

void run_lu_solve(const Launch& launch, const RunContext& context) {
  visit_real(launch.inputs[0].dtype, [&]<class T>() { lu_solve_items<T>(launch, context); });
}

void run_cholesky(const Launch& launch, const RunContext& context) {
  visit_real(launch.inputs[0].dtype, [&]<class T>() { cholesky_items<T>(launch, context); });
}

void run_inverse(const Launch& launch, const RunContext& context) {
  visit_real(launch.inputs[0].dtype, [&]<class T>() { inverse_items<T>(launch, context); });
}

void run_solve(const Launch& launch, const RunContext& context) {
  visit_real(launch.inputs[0].dtype, [&]<class T>() { solve_items<T>(launch, context); });
}

void run_triangular_solve(const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::TriangularParams>();
  for_items(launch, [&](const Item& item) {
    visit_real(item.inputs[0].dtype, [&]<class T>() { triangular_item<T>(item, params, context); });
  });
}

}  // namespace nngpu::cpu
