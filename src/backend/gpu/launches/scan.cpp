// Cumulative sums and products along an axis.
#include <algorithm>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"
#include "backend/gpu/launches/extent.h"
#include "graph/layout.h"

namespace nngpu::gpu {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// struct Problem of kernels/scan.kl.
struct ScanArguments {
  int64_t n, x_step, y_step;
  int64_t lines, chunks, chunk;
  int64_t rank;
  int64_t size[7], x_at[7], y_at[7];
};

struct ScanPlan {
  ScanArguments p{};
  bool by_thread = false;  // a thread a line; else a block
  bool wide = false;
  int threads = 256, per = 8;
};

// Neighbouring threads should read neighbours: of a line, or of several lines.
bool lines_are_closer(const graph::Operand& x, const Shape& lines, const Dims& steps, int64_t axis) {
  if (x.shape[axis] <= 32) return true;
  const int last = lines.size() - 1;
  return last >= 0 && lines[last] >= 8 && std::abs(steps[last]) < std::abs(x.strides[axis]);
}

// The chunks depend on the shape alone, so that results do on every device.
void choose_chunks(ScanPlan& plan) {
  ScanArguments& p = plan.p;
  int64_t chunks = 1, tile = 1;
  if (plan.by_thread) {
    chunks = std::min<int64_t>(1024, std::min(32768 / std::max<int64_t>(1, p.lines), p.n / 64));
  } else {
    plan.threads = p.n <= 256 ? 32 : p.n <= 1024 ? 128 : 256;
    tile = int64_t{plan.threads} * plan.per;
    chunks = std::min<int64_t>(1024, std::min(1024 / std::max<int64_t>(1, p.lines), p.n / 8192));
  }
  p.chunk = ceil_div(ceil_div(p.n, std::max<int64_t>(1, chunks)), tile) * tile;
  p.chunks = ceil_div(p.n, p.chunk);
}

ScanPlan plan_scan(const graph::Operand& x, const graph::Operand& y, int axis) {
  ScanPlan plan;
  ScanArguments& p = plan.p;
  p.n = x.shape[axis];
  p.x_step = x.strides[axis];
  p.y_step = y.strides[axis];
  Shape lines = x.shape;
  Dims x_at = x.strides, y_at = y.strides;
  lines[axis] = 1;
  Dims classes = Dims::filled(lines.size(), 0);
  graph::collapse(lines, {&x_at, &y_at}, classes);
  p.lines = numel(lines);
  p.rank = lines.size();
  for (int i = 0; i < lines.size(); ++i) {
    const int from = lines.size() - 1 - i;
    p.size[i] = lines[from], p.x_at[i] = x_at[from], p.y_at[i] = y_at[from];
  }
  plan.per = dtype_size(y.dtype) == 8 ? 4 : 8;
  plan.by_thread = lines_are_closer(x, lines, x_at, axis);
  choose_chunks(plan);
  constexpr int64_t kLimit = int64_t{1} << 30;
  plan.wide =
      numel(x.shape) >= kLimit || reach(x.shape, x.strides) >= kLimit || reach(y.shape, y.strides) >= kLimit;
  return plan;
}

// What sums are kept as. Those of f32 are pairs: the CPU's are double, which not every device has.
const char* total_type(DType dtype) {
  if (is_floating(dtype)) return dtype == DType::F64 ? "double" : "float";
  return dtype == DType::I64 ? "u64" : "u32";
}

class Scan {
 public:
  Scan(GpuBackend& gpu, const Launch& launch, const RunContext& context)
      : gpu_(gpu),
        plan_(plan_scan(launch.inputs[0], launch.outputs[0],
                        static_cast<int>(launch.params.as<graph::ScanParams>().axis))),
        x_(gpu.address(launch.inputs[0], context, holder_)),
        y_(context.at(launch.outputs[0])) {
    const DType from = launch.inputs[0].dtype, to = launch.outputs[0].dtype;
    const auto define = [&](const char* name, const std::string& value) {
      definitions_ += std::string("#define ") + name + " " + value + "\n";
    };
    define("ELEMENT", storage_type(from));
    define("RESULT", storage_type(to));
    define("TOTAL", total_type(to));
    define("PAIRS", to == DType::F32 ? "1" : "0");
    define("LOGICAL", to == DType::Bool ? "1" : "0");
    define("PRODUCT", launch.params.as<graph::ScanParams>().code == graph::Reduction::Prod ? "1" : "0");
    define("INDEX", plan_.wide ? "i64" : "i32");
    define("MAX_THREADS", "256");
    define("THREADS", std::to_string(plan_.threads));
    define("PER", std::to_string(plan_.per));
  }

  void run() {
    if (plan_.p.chunks == 1) return phase(0, y_);
    const BufferPtr totals = gpu_.pool().allocate(8 * static_cast<size_t>(plan_.p.lines * plan_.p.chunks));
    phase(1, totals->data);
    phase(2, totals->data);
  }

 private:
  void phase(int number, char* totals) {
    const ScanArguments& p = plan_.p;
    Arguments arguments;
    arguments.buffer(x_).buffer(y_).buffer(totals).value(p);
    const std::string text = definitions_ + "#define PHASE " + std::to_string(number) + "\n";
    const int64_t jobs = p.lines * p.chunks;
    const uint32_t blocks = plan_.by_thread
                                ? static_cast<uint32_t>(std::min<int64_t>(ceil_div(jobs, 256), 1 << 20))
                                : static_cast<uint32_t>(std::min<int64_t>(jobs, 1 << 20));
    const auto threads = static_cast<uint32_t>(plan_.by_thread ? 256 : plan_.threads);
    gpu_.launch(gpu_.library().kernel("scan", plan_.by_thread ? "scan_lines" : "scan_rows", text), {blocks, 1, 1},
                {threads, 1, 1}, arguments);
  }

  GpuBackend& gpu_;
  BufferPtr holder_;
  ScanPlan plan_;
  const char* x_;
  char* y_;
  std::string definitions_;
};

}  // namespace

void run_scan(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  if (numel(launch.inputs[0].shape) == 0) return;
  Scan(gpu, launch, context).run();
}

}  // namespace nngpu::gpu
