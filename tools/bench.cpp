// nngpu bench: how fast a few common operations are here. The comparison with other libraries is `make bench`.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "nngpu/linalg.h"
#include "nngpu/random.h"

namespace nngpu::tool {
namespace {

struct Case {
  std::string name;
  double work;  // per run
  const char* unit;
  std::function<Tensor()> run;
};

double median_seconds(const std::function<Tensor()>& run) {
  using Clock = std::chrono::steady_clock;
  run().eval();  // plans and memory are made once
  std::vector<double> times;
  double total = 0;
  while (times.size() < 5 || (total < 0.3 && times.size() < 50)) {
    const auto start = Clock::now();
    run().eval();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<int64_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

std::vector<Case> cases(int64_t n, DType dtype) {
  Generator generator(1);
  const Tensor a = randn({n, n}, dtype, generator).eval(), b = randn({n, n}, dtype, generator).eval();
  const Tensor spd = (matmul(a, transpose(a)) + eye(n, -1, 0, dtype) * static_cast<double>(n)).eval();
  const auto length = int64_t{4} << 20;
  const Tensor x = randn({length}, dtype, generator).eval(), y = randn({length}, dtype, generator).eval();
  const double cube = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  const double bytes = static_cast<double>(length) * static_cast<double>(dtype_size(dtype));
  return {{"matmul", 2 * cube, "GFLOP/s", [=] { return matmul(a, b); }},
          {"lu", 2 * cube / 3, "GFLOP/s", [=] { return linalg::lu_factor(a).lu; }},
          {"cholesky", cube / 3, "GFLOP/s", [=] { return linalg::cholesky(spd); }},
          {"qr", 10 * cube / 3, "GFLOP/s", [=] { return linalg::qr(a).q; }},
          {"inverse", 2 * cube, "GFLOP/s", [=] { return linalg::inverse(a); }},
          {"eigh", 9 * cube, "GFLOP/s", [=] { return linalg::eigh(spd).w; }},
          {"svd", 20 * cube, "GFLOP/s", [=] { return linalg::svd(a).s; }},
          {"gelu(x*y+x)", 3 * bytes, "GB/s", [=] { return gelu(x * y + x); }},
          {"sum", bytes, "GB/s", [=] { return sum(x); }}};
}

}  // namespace

void add_bench(CLI::App& app) {
  struct Options {
    int64_t size = 1024;
    std::string dtype = "f32", device;
    bool json = false;
  };
  CLI::App* command = app.add_subcommand("bench", "Time common operations on this machine (medians)");
  auto options = std::make_shared<Options>();
  command->add_option("-n,--size", options->size, "Rows and columns of the matrices")->check(CLI::Range(1, 32768));
  command->add_option("--dtype", options->dtype, "Element type")->check(CLI::IsMember({"f32", "f64"}));
  command->add_option("--device", options->device, "The device to compute on (nngpu devices)");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] {
    if (!options->device.empty()) set_default_device(device_from_name(options->device));
    nlohmann::json rows = nlohmann::json::array();
    for (const Case& c : cases(options->size, dtype_from_name(options->dtype))) {
      const double seconds = median_seconds(c.run);
      const double rate = c.work / seconds / 1e9;
      rows.push_back({{"operation", c.name}, {"seconds", seconds}, {"rate", rate}, {"unit", c.unit}});
      if (!options->json) std::printf("%-12s %10.3f ms %10.1f %s\n", c.name.c_str(), seconds * 1e3, rate, c.unit);
    }
    if (options->json) std::printf("%s\n", rows.dump(2).c_str());
  });
}

}  // namespace nngpu::tool
