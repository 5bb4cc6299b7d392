// nngpu_bench: this library and its peers side by side in one process.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "cases.h"
#include "nngpu/device.h"

namespace {

struct Options {
  bool quick = false, force = false;
  int rounds = 15;
  std::vector<std::string> groups;
  std::string json = "bench.json", chart = "bench.svg", markdown;
};

const std::pair<const char*, void (*)(nngpu::bench::Harness&, bool)> kGroups[] = {
    {"products", nngpu::bench::run_products},   {"elementwise", nngpu::bench::run_elementwise},
    {"functions", nngpu::bench::run_functions}, {"decompositions", nngpu::bench::run_decompositions},
    {"batches", nngpu::bench::run_batches},     {"engine", nngpu::bench::run_engine},
};

void write(const std::string& path, const std::string& text) {
  if (path.empty()) return;
  std::ofstream(path) << text;
  std::printf("wrote %s\n", path.c_str());
}

void run(const Options& options) {
  using namespace nngpu::bench;
  if (!options.force) refuse_if_loaded();
  const Machine machine = measure_machine();
  std::printf("%s, copy %.1f GB/s, read %.1f GB/s, matmul peak %.0f / %.0f GFLOP/s (f32 / f64), %d threads\n",
              nngpu::devices()[0].name.c_str(), machine.copy_bandwidth / 1e9, machine.read_bandwidth / 1e9,
              machine.peak_f32 / 1e9, machine.peak_f64 / 1e9, nngpu::num_threads());
  print_header();
  Harness harness(options.rounds, machine);
  for (const auto& [name, group] : kGroups) {
    const bool wanted = options.groups.empty() ||
                        std::find(options.groups.begin(), options.groups.end(), name) != options.groups.end();
    if (wanted) group(harness, options.quick);
  }
  write(options.json, to_json(harness));
  write(options.chart, to_svg(harness));
  write(options.markdown, to_markdown(harness));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("nngpu beside Eigen, OpenBLAS, oneDNN and Armadillo", "nngpu_bench");
  Options options;
  app.add_flag("--quick", options.quick, "Leave out the long cases");
  app.add_flag("--force", options.force, "Run on a busy machine all the same");
  app.add_option("--rounds", options.rounds, "Rounds a case")->check(CLI::Range(3, 1000));
  app.add_option("--groups", options.groups, "products elementwise functions decompositions batches engine");
  app.add_option("--json", options.json, "Where to write the figures");
  app.add_option("--chart", options.chart, "Where to draw the ratios");
  app.add_option("--markdown", options.markdown, "Where to write the tables");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nngpu_bench: %s\n", error.what());
    return 1;
  }
}
