#include "cases.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace nngpu::bench {
namespace {

constexpr double kRotated = 160e6;  // bytes of all sets of inputs together: more than twice a large GPU's cache
constexpr int64_t kMostSets = 128;

double bytes_of(const GpuCase& c) {
  double bytes = 0;
  for (const Input& input : c.inputs)
    bytes += static_cast<double>(numel(input.shape)) * static_cast<double>(dtype_size(c.dtype));
  return bytes;
}

void set_rotation(GpuCase& c) {
  c.sets = std::clamp(static_cast<int64_t>(kRotated / std::max(1.0, bytes_of(c))) + 1, int64_t{2}, kMostSets);
}

struct Factor {
  const char* name;
  DType dtype;
  bool tf32;
};
constexpr Factor kFactors[] = {{"f16", DType::F16, false},
                               {"bf16", DType::BF16, false},
                               {"tf32", DType::F32, true},
                               {"f32", DType::F32, false},
                               {"f64", DType::F64, false}};

void add_products(std::vector<GpuCase>& cases, int64_t scale) {
  for (const Factor& factor : kFactors) {
    for (int64_t full : {512, 1024, 2048, 4096, 8192}) {
      const int64_t n = std::max<int64_t>(8, full / scale);
      const auto size = static_cast<double>(n);
      GpuCase c;
      c.group = "products";
      c.name = std::string("matmul ") + factor.name + " " + std::to_string(n);
      c.operation = "matmul";
      c.dtype = factor.dtype, c.tf32 = factor.tf32;
      c.inputs = {{{n, n}}, {{n, n}}};
      c.bytes = 3 * size * size * static_cast<double>(dtype_size(c.dtype));
      c.flops = 2 * size * size * size;
      c.target = 0.95;
      c.quick = full == 2048;
      cases.push_back(c);
    }
  }
}

// The target depends on what the peers lose by their epilogue: run.py computes it.
void add_epilogues(std::vector<GpuCase>& cases, int64_t scale) {
  for (const Factor& factor : kFactors) {
    if (factor.dtype == DType::F64) continue;
    for (int64_t full : {2048, 8192}) {
      const int64_t n = std::max<int64_t>(8, full / scale);
      const auto size = static_cast<double>(n);
      GpuCase c;
      c.group = "epilogues";
      c.name = std::string("gelu(a*b+bias) ") + factor.name + " " + std::to_string(n);
      c.operation = "epilogue";
      c.dtype = factor.dtype, c.tf32 = factor.tf32;
      c.inputs = {{{n, n}}, {{n, n}}, {{n}}};
      c.bytes = (3 * size * size + size) * static_cast<double>(dtype_size(c.dtype));
      c.flops = 2 * size * size * size;
      cases.push_back(c);
    }
  }
}

struct Pass {
  const char* operation;
  const char* name;
  int inputs;
  double passes;  // elements read and written, in units of one input
  double target, share_target;
  bool quick;
};
constexpr Pass kPasses[] = {
    {"chain", "gelu(x*y+z)*x", 3, 4, 0.98, 0.9, true},
    {"copy", "copy", 1, 2, 0.95, 0.9, true},
    {"transpose", "transposed copy", 1, 2, 1.4, 0.8, true},
    {"sum_all", "sum of all", 1, 1, 0.95, 0.9, true},
    {"sum_0", "sum along axis 0", 1, 1, 0.95, 0.9, false},
    {"sum_1", "sum along axis 1", 1, 1, 0.95, 0.9, false},
    {"max_all", "max of all", 1, 1, 0, 0.9, false},
    {"max_0", "max along axis 0", 1, 1, 0, 0.9, false},
    {"max_1", "max along axis 1", 1, 1, 0, 0.9, false},
    {"softmax", "softmax", 1, 2, 1.3, 0.9, true},
    {"mean_var", "mean and var along axis 1", 1, 1, 0, 0.9, false},
    {"select", "comparisons and selects", 3, 4, 0, 0.9, false},
};

void add_passes(std::vector<GpuCase>& cases, int64_t scale) {
  const int64_t rows = std::max<int64_t>(4, 16384 / scale), columns = std::max<int64_t>(8, 4096 / scale);
  const double bytes = 4 * static_cast<double>(rows * columns);
  for (const Pass& pass : kPasses) {
    GpuCase c;
    c.group = "memory-bound";
    c.name = std::string(pass.name) + " f32 " + std::to_string(rows) + "x" + std::to_string(columns);
    c.operation = pass.operation;
    c.inputs.assign(static_cast<size_t>(pass.inputs), Input{{rows, columns}});
    c.bytes = pass.passes * bytes;
    c.target = pass.target, c.share_target = pass.share_target;
    c.quick = pass.quick;
    cases.push_back(c);
  }
}

// Rows of 4,096 f32, 64M elements in all; batch normalization takes images of 64 channels.
constexpr Pass kRows[] = {
    {"softmax_backward", "softmax, gradient", 2, 3, 1.0, 0.85, true},
    {"layer_norm", "layer norm", 1, 2, 1.0, 0.85, true},
    {"layer_norm_backward", "layer norm, gradient of x", 2, 3, 1.0, 0.85, true},
    {"cross_entropy", "cross entropy", 1, 1, 1.0, 0.85, true},
    // The logsumexp of a row is part of it: the logits are read twice.
    {"cross_entropy_backward", "cross entropy, gradient", 1, 3, 1.0, 0.85, false},
    {"dropout", "dropout", 1, 2, 1.0, 0.85, true},
    {"dropout_backward", "dropout, gradient", 1, 2, 1.0, 0.85, false},
    {"moments", "mean and var together", 1, 1, 1.0, 0.9, true},
    {"moments_0", "mean and var together along axis 0", 1, 1, 1.0, 0.9, false},
    {"logsumexp", "logsumexp", 1, 1, 1.0, 0.9, false},
};
constexpr Pass kImages[] = {
    {"batch_norm", "batch norm", 1, 3, 1.0, 0.85, true},
    {"batch_norm_backward", "batch norm, gradient of x", 2, 7, 1.0, 0.85, false},
};

void add_rows(std::vector<GpuCase>& cases, int64_t scale) {
  const int64_t rows = std::max<int64_t>(4, 16384 / scale), columns = std::max<int64_t>(8, 4096 / scale);
  const int64_t side = std::max<int64_t>(4, 64 / scale), images = std::max<int64_t>(2, 256 / scale);
  const auto add = [&](const Pass& pass, const Shape& shape, const std::string& sizes) {
    GpuCase c;
    c.group = "memory-bound";
    c.name = std::string(pass.name) + " f32 " + sizes;
    c.operation = pass.operation;
    c.inputs.assign(static_cast<size_t>(pass.inputs), Input{shape});
    c.bytes = pass.passes * 4 * static_cast<double>(numel(shape));
    c.target = pass.target, c.share_target = pass.share_target;
    c.quick = pass.quick;
    cases.push_back(c);
  };
  for (const Pass& pass : kRows) add(pass, {rows, columns}, std::to_string(rows) + "x" + std::to_string(columns));
  for (const Pass& pass : kImages)
    add(pass, {images, 64, side, side},
        std::to_string(images) + "x64x" + std::to_string(side) + "x" + std::to_string(side));
}

struct Decomposition {
  const char* name;
  Fill fill;
  int inputs;
  double results;  // elements written, in units of n^2
  double cubes;    // operations of the usual algorithm, in units of n^3
  bool unchecked;
  double target, batch_target;
};
constexpr Decomposition kDecompositions[] = {
    {"lu", Fill::Uniform, 1, 1, 2.0 / 3, true, 1.3, 2},
    {"qr", Fill::Uniform, 1, 2, 8.0 / 3, false, 1.3, 8},
    {"inverse", Fill::Uniform, 1, 1, 2, true, 1.3, 2},
    {"cholesky", Fill::Positive, 1, 1, 1.0 / 3, true, 1, 2},
    {"solve", Fill::Uniform, 2, 1, 2.0 / 3 + 2, true, 1, 2},
    {"eigh", Fill::Symmetric, 1, 1, 4.0 / 3 + 4.0 / 3 + 2, true, 1, 2},
    {"svd", Fill::Uniform, 1, 2, 8.0 / 3 + 8.0 / 3 + 4, true, 1.3, 4},
};

GpuCase decomposition(const Decomposition& d, const Shape& shape, double count, int64_t n) {
  const auto size = static_cast<double>(n);
  GpuCase c;
  c.operation = d.name;
  c.unchecked = d.unchecked;
  c.inputs.assign(static_cast<size_t>(d.inputs), Input{shape, d.fill});
  c.bytes = (d.inputs + d.results) * count * size * size * 4;
  c.flops = d.cubes * count * size * size * size;
  return c;
}

void add_decompositions(std::vector<GpuCase>& cases, int64_t scale) {
  for (const Decomposition& d : kDecompositions) {
    const bool spectral = std::string(d.name) == "eigh" || std::string(d.name) == "svd";
    for (int64_t full : {512, 2048, spectral ? 4096 : 8192}) {
      const int64_t n = std::max<int64_t>(8, full / scale);
      GpuCase c = decomposition(d, {n, n}, 1, n);
      c.group = "decompositions";
      c.name = std::string(d.name) + " f32 " + std::to_string(n);
      c.target = d.target;
      c.quick = full == 512;
      cases.push_back(c);
    }
  }
}

void add_batches(std::vector<GpuCase>& cases, int64_t scale) {
  constexpr std::pair<int64_t, int64_t> kBatches[] = {{10000, 4},  {10000, 8}, {10000, 16},
                                                      {10000, 32}, {2000, 64}, {1000, 128}};
  for (const Decomposition& d : kDecompositions) {
    for (const auto& [full, n] : kBatches) {
      const int64_t count = std::max<int64_t>(3, full / scale);
      if (scale > 1 && n > 32) continue;
      GpuCase c = decomposition(d, {count, n, n}, static_cast<double>(count), n);
      c.group = "batches";
      c.name = std::to_string(count) + " x " + d.name + " f32 " + std::to_string(n);
      // Beyond 32 the singular values are compared with the best direct call only.
      c.target = std::string(d.name) == "svd" && n > 32 ? 1 : d.batch_target;
      c.quick = n == 8 || n == 32;
      cases.push_back(c);
    }
  }
}

void add_replay(std::vector<GpuCase>& cases) {
  for (const int64_t n : {4, 32}) {
    GpuCase c;
    c.group = "engine";
    c.name = "200 dependent kernels of " + std::to_string(n) + " x " + std::to_string(n) + " replayed";
    c.operation = "replay";
    c.inputs = {{{n, n}}, {{n, n}}};
    c.kernels = 200;
    c.allowed = 200 * 1.35e-6;
    c.quick = true;
    cases.push_back(c);
  }
}

const char* to_string(Fill fill) {
  switch (fill) {
    case Fill::Uniform:
      return "uniform";
    case Fill::Symmetric:
      return "symmetric";
    case Fill::Positive:
      return "positive";
  }
  return "";
}

}  // namespace

std::vector<GpuCase> make_cases(int64_t scale) {
  std::vector<GpuCase> cases;
  add_products(cases, scale);
  add_epilogues(cases, scale);
  add_convolutions(cases, scale);
  add_passes(cases, scale);
  add_rows(cases, scale);
  add_decompositions(cases, scale);
  add_batches(cases, scale);
  add_replay(cases);
  for (GpuCase& c : cases) set_rotation(c);
  // Scaled sizes can coincide.
  std::vector<GpuCase> different;
  for (GpuCase& c : cases) {
    const auto same = [&](const GpuCase& other) { return other.name == c.name; };
    const auto found = std::find_if(different.begin(), different.end(), same);
    if (found == different.end())
      different.push_back(std::move(c));
    else
      found->quick = found->quick || c.quick;
  }
  return different;
}

std::string to_json(const GpuCase& c) {
  nlohmann::json json{{"group", c.group},
                      {"name", c.name},
                      {"operation", c.operation},
                      {"dtype", dtype_name(c.dtype)},
                      {"tf32", c.tf32},
                      {"sets", c.sets},
                      {"bytes", c.bytes},
                      {"flops", c.flops},
                      {"target", c.target},
                      {"share_target", c.share_target},
                      {"expected_kernels", c.kernels},
                      {"allowed", c.allowed},
                      {"quick", c.quick}};
  for (const Input& input : c.inputs) {
    nlohmann::json shape = nlohmann::json::array();
    for (int64_t size : input.shape) shape.push_back(size);
    json["inputs"].push_back({{"shape", shape}, {"fill", to_string(input.fill)}});
  }
  return json.dump();
}

}  // namespace nngpu::bench
