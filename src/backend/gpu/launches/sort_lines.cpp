#include "backend/gpu/launches/sort_lines.h"

#include <algorithm>
#include <bit>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches/extent.h"
#include "backend/gpu/text.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

constexpr int64_t kTile = 2048;               // TILE of kernels/sort.kl
constexpr int64_t kPer = 8;                   // PER
constexpr int64_t kGroup = int64_t{1} << 27;  // elements that are in temporary memory at a time
constexpr int64_t kSelected = kTile / 2;      // up to here tiles are cut to their first elements
constexpr int64_t kStep = 1024;               // STEP of kernels/top_k.kl
constexpr int64_t kChunk = 8 * kStep;
constexpr int64_t kSelectedByChunks = kStep / 2;
constexpr int64_t kSelectBlocks = 1024;
constexpr int64_t kNarrow = int64_t{1} << 30;     // elements that 32-bit indices reach
constexpr int64_t kPositions = int64_t{1} << 32;  // of 32 bits

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

LineSort::LineSort(GpuBackend& gpu, const RunContext& context, const graph::Operand& x,
                   const graph::Operand& values, const graph::Operand& indices, int axis, bool descending)
    : gpu_(gpu), x_(gpu.address(x, context, holder_)), values_(context.at(values)), indices_(context.at(indices)) {
  set_lines(x, values, indices, axis);
  p_.descending = descending;
  define(x);
}

void LineSort::set_lines(const graph::Operand& x, const graph::Operand& values, const graph::Operand& indices,
                         int axis) {
  p_.n = x.shape[axis];
  p_.x_step = x.strides[axis];
  p_.value_step = values.strides[axis];
  p_.index_step = indices.strides[axis];
  Shape lines = x.shape;
  Dims x_at = x.strides, value_at = values.strides, index_at = indices.strides;
  lines[axis] = 1;
  Dims classes = Dims::filled(lines.size(), 0);
  graph::collapse(lines, {&x_at, &value_at, &index_at}, classes);
  all_lines_ = numel(lines);
  p_.rank = lines.size();
  for (int i = 0; i < lines.size(); ++i) {
    const int from = lines.size() - 1 - i;
    p_.size[i] = lines[from];
    p_.x_at[i] = x_at[from], p_.value_at[i] = value_at[from], p_.index_at[i] = index_at[from];
  }
  p_.across = p_.rank > 0 && std::abs(p_.x_at[0]) < std::abs(p_.x_step);
}

void LineSort::define(const graph::Operand& x) {
  key_size_ = dtype_size(x.dtype) == 8 ? 8 : 4;
  position_size_ = p_.n < kPositions ? 4 : 8;
  const bool floating = is_floating(x.dtype), is_signed = x.dtype == DType::I32 || x.dtype == DType::I64;
  const bool wide = std::max(all_lines_, int64_t{1}) * std::max(p_.n, kTile) >= kNarrow;
  const auto add = [&](const char* name, const char* value) {
    definitions_ += std::string("#define ") + name + " " + value + "\n";
  };
  definitions_ = "#undef MAX_THREADS\n#define MAX_THREADS 256\n";  // after the dialect's own
  add("ELEMENT", storage_type(x.dtype));
  add("KEY", key_size_ == 8 ? "u64" : "u32");
  add("FLOATING", floating ? "1" : "0");
  add("SIGNED", is_signed ? "1" : "0");
  add("VALUE", value_type(x.dtype));
  add("BITS", key_size_ == 8 ? "as_u64" : "as_u32");
  add("POSITION", position_size_ == 8 ? "u64" : "u32");
  add("INDEX", wide ? "i64" : "i32");
}

void LineSort::run(int64_t keep) {
  const bool in_tiles = p_.n <= kTile;
  const int64_t group = in_tiles ? all_lines_ : std::max<int64_t>(1, kGroup / p_.n);
  for (p_.first_line = 0; p_.first_line < all_lines_; p_.first_line += group) {
    p_.lines = std::min(group, all_lines_ - p_.first_line);
    if (in_tiles)
      tiles(p_.n, keep, {}, {}, true);
    else if (keep <= kSelected)
      select_group(keep);
    else
      sort_group(keep);
  }
}

void LineSort::sort_group(int64_t keep) {
  Entries from = allocate(p_.lines * p_.n), to = allocate(p_.lines * p_.n);
  tiles(p_.n, kTile, {}, from, false);
  for (int64_t length = kTile; length < p_.n; length *= 2) {
    const bool last = 2 * length >= p_.n;
    merge(length, last ? keep : p_.n, from, to, last);
    std::swap(from, to);
  }
}

// Each tile is cut to its first elements, then what is left is a shorter line.
void LineSort::select_group(int64_t keep) {
  Entries from;
  int64_t n = p_.n;
  if (keep <= kSelectedByChunks && n >= kChunk) n = select_chunks(keep, from);
  while (true) {
    const int64_t full = ceil_div(n, kTile) - 1, left = full * keep + std::min(keep, n - full * kTile);
    if (full == 0) return tiles(n, keep, from, {}, true);
    const Entries to = allocate(p_.lines * left);
    tiles(n, keep, from, to, false);
    from = to;
    n = left;
  }
}

// The first elements of chunks as candidates: how many there are of a line.
int64_t LineSort::select_chunks(int64_t keep, Entries& candidates) {
  SortArguments p = p_;
  p.keep = keep;
  const int64_t wanted = std::clamp<int64_t>(ceil_div(kSelectBlocks, p.lines), 1, p.n / kChunk);
  p.width = ceil_div(ceil_div(p.n, wanted), kStep) * kStep;
  p.tiles = ceil_div(p.n, p.width);
  const int64_t full = p.tiles - 1, left = full * keep + std::min(keep, p.n - full * p.width);
  candidates = allocate(p.lines * left);
  Arguments list;
  list.buffer(x_).buffer(candidates.keys->data).buffer(candidates.positions->data).value(p);
  gpu_.launch(kernel("top_k", "select_first", ""), {static_cast<uint32_t>(p.lines * p.tiles), 1, 1},
              {static_cast<uint32_t>(kStep / 4), 1, 1}, list);
  return left;
}

// Sorts tiles of lines of n elements: of x, or of `from` where it is.
void LineSort::tiles(int64_t n, int64_t keep, const Entries& from, const Entries& to, bool last) {
  SortArguments p = p_;
  p.n = n;
  p.keep = keep;
  p.width = std::clamp<int64_t>(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(n))), kPer, kTile);
  p.tiles = ceil_div(n, p.width);
  const int64_t all = p.lines * p.tiles, most = kTile / p.width;
  p.rows = std::clamp<int64_t>(all / 512, std::max<int64_t>(1, most / 8), most);
  const bool from_keys = from.keys != nullptr;
  if (from_keys) p.across = 0;
  gpu_.launch(sort_kernel("sort_tiles", from_keys, last), {static_cast<uint32_t>(ceil_div(all, p.rows)), 1, 1},
              {static_cast<uint32_t>(p.width * p.rows / kPer), 1, 1}, arguments(p, from, to));
}

void LineSort::merge(int64_t length, int64_t keep, const Entries& from, const Entries& to, bool last) {
  SortArguments p = p_;
  p.keep = keep;
  p.tiles = ceil_div(p.n, kTile);
  gpu_.launch(sort_kernel("sort_merge", true, last), {static_cast<uint32_t>(p.lines * p.tiles), 1, 1},
              {static_cast<uint32_t>(kTile / kPer), 1, 1}, arguments(p, from, to).value(length));
}

LineSort::Entries LineSort::allocate(int64_t count) const {
  const auto entries = static_cast<size_t>(count);
  return {gpu_.pool().allocate(key_size_ * entries), gpu_.pool().allocate(position_size_ * entries)};
}

KernelHandle LineSort::sort_kernel(const char* name, bool from_keys, bool last) const {
  return kernel(
      "sort", name,
      std::string("#define FROM_KEYS ") + (from_keys ? "1" : "0") + "\n#define LAST " + (last ? "1" : "0") + "\n");
}

Arguments LineSort::arguments(const SortArguments& p, const Entries& from, const Entries& to) const {
  Arguments list;
  list.buffer(x_).buffer(values_).buffer(indices_);
  for (const Entries* entries : {&from, &to})
    for (const BufferPtr* buffer : {&entries->keys, &entries->positions})
      list.buffer(*buffer ? (*buffer)->data : indices_);  // what is not there is not used
  list.value(p);
  return list;
}

// Behind what the kernels share.
KernelHandle LineSort::kernel(const char* file, const char* name, const std::string& more) const {
  const std::string path = std::string("kernels/") + file + ".kl";
  return gpu_.library().generated(
      definitions_ + more + embedded_text("kernels/sort_runs.kl") + embedded_text(path), name);
}

}  // namespace nngpu::gpu
