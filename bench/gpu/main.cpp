// nngpu_gpu_bench: this library's side of the benchmark on a GPU. Alone it prints its own times; with --serve it
// answers run.py, which times the peers in turn with it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cases.h"
#include "nngpu/device.h"
#include "nngpu/error.h"
#include "session.h"

namespace nngpu::bench {
namespace {

struct Options {
  std::string device = "cuda";
  std::vector<std::string> groups;
  int64_t scale = 1;
  int rounds = 15;
  double budget = 0;
  bool quick = false, list = false, serve = false;
};

std::vector<GpuCase> wanted(const Options& options) {
  std::vector<GpuCase> cases = make_cases(options.scale);
  std::erase_if(cases, [&](const GpuCase& c) {
    const bool named = options.groups.empty() ||
                       std::find(options.groups.begin(), options.groups.end(), c.group) != options.groups.end();
    return !named || (options.quick && !c.quick);
  });
  return cases;
}

nlohmann::json to_json(const Readiness& r) {
  return {{"name", r.name},       {"first", r.first},     {"once", r.once},          {"host", r.host},
          {"kernels", r.kernels}, {"uploads", r.uploads}, {"downloads", r.downloads}};
}

// One request a line, one JSON object a line in answer:
//   prepare NAME    makes a case ready in place of the one before: what is known of its variants
//   sample V N      times N runs of variant V
//   save V FOLDER   writes the results of variant V from the first set of inputs
//   release         forgets the case
class Server {
 public:
  explicit Server(const Options& options)
      : cases_(make_cases(options.scale)), device_(device_from_name(options.device)) {}

  nlohmann::json answer(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "prepare") return prepare(line.substr(std::min(line.size(), verb.size() + 1)));
    if (verb == "release") {
      session_.reset();
      return {{"ok", true}};
    }
    if (!session_) throw ValueError("[bench] no case is prepared");
    size_t variant = 0;
    words >> variant;
    if (variant >= session_->variants().size()) throw ValueError("[bench] there is no such variant");
    if (verb == "sample") {
      int64_t repetitions = 1;
      words >> repetitions;
      return {{"seconds", session_->sample(variant, std::max<int64_t>(1, repetitions))}};
    }
    if (verb != "save") throw ValueError("[bench] unknown request '" + verb + "'");
    std::string folder;
    std::getline(words >> std::ws, folder);
    return {{"results", session_->save(variant, folder)}};
  }

 private:
  nlohmann::json prepare(const std::string& name) {
    session_.reset();
    const auto found =
        std::find_if(cases_.begin(), cases_.end(), [&](const GpuCase& c) { return c.name == name; });
    if (found == cases_.end()) throw ValueError("[bench] there is no case '" + name + "'");
    session_ = std::make_unique<Session>(*found, device_);
    nlohmann::json variants = nlohmann::json::array();
    for (const Readiness& r : session_->variants()) variants.push_back(to_json(r));
    return {{"variants", variants}};
  }

  std::vector<GpuCase> cases_;
  Device device_;
  std::unique_ptr<Session> session_;
};

void serve(const Options& options) {
  Server server(options);
  std::string line;
  while (std::getline(std::cin, line) && line != "quit") {
    nlohmann::json answer;
    try {
      answer = server.answer(line);
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump() << std::endl;
  }
}

constexpr double kShortestSample = 5e-3;

void print_case(const GpuCase& c, Device device, int rounds) {
  Session session(c, device);
  for (size_t v = 0; v < session.variants().size(); ++v) {
    const Readiness& ready = session.variants()[v];
    const int64_t repetitions = std::max<int64_t>(1, static_cast<int64_t>(kShortestSample / ready.once));
    std::vector<double> samples;
    for (int i = 0; i < rounds; ++i) samples.push_back(session.sample(v, repetitions));
    std::sort(samples.begin(), samples.end());
    const size_t n = samples.size();
    std::printf("%-40s %-16s %10.4f ms  (%.4f - %.4f)  %8.1f GB/s %8.2f TFLOP/s  host %.1f us  %lld kernels\n",
                c.name.c_str(), ready.name.c_str(), samples[n / 2] * 1e3, samples[n / 4] * 1e3,
                samples[3 * n / 4] * 1e3, c.bytes / samples[n / 2] / 1e9, c.flops / samples[n / 2] / 1e12,
                ready.host * 1e6, static_cast<long long>(ready.kernels));
    std::fflush(stdout);
  }
}

void run_alone(const Options& options) {
  const Device device = device_from_name(options.device);
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::string> left_out;
  for (const GpuCase& c : wanted(options)) {
    const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (options.budget > 0 && passed > options.budget) {
      left_out.push_back(c.name);
      continue;
    }
    try {
      print_case(c, device, options.rounds);
    } catch (const Error& error) {
      std::printf("%-40s FAILED: %s\n", c.name.c_str(), error.what());
    }
  }
  if (!left_out.empty()) std::printf("left out, as the time was over: %zu cases\n", left_out.size());
  for (const std::string& name : left_out) std::printf("  %s\n", name.c_str());
}

void run(const Options& options) {
  if (options.list) {
    for (const GpuCase& c : wanted(options)) std::printf("%s\n", to_json(c).c_str());
  } else if (options.serve) {
    serve(options);
  } else {
    run_alone(options);
  }
}

}  // namespace
}  // namespace nngpu::bench

int main(int argc, char** argv) {
  CLI::App app("nngpu on a GPU; bench/gpu/run.py runs it beside PyTorch, CuPy and JAX", "nngpu_gpu_bench");
  nngpu::bench::Options options;
  app.add_option("--device", options.device, "cuda, cuda:1, sim, ...");
  app.add_option("--groups", options.groups,
                 "products epilogues convolutions memory-bound decompositions batches engine");
  app.add_option("--scale", options.scale, "Divides sizes and counts")->check(CLI::Range(1, 4096));
  app.add_option("--rounds", options.rounds, "Rounds a case")->check(CLI::Range(1, 1000));
  app.add_option("--budget-s", options.budget, "Start no case after so many seconds");
  app.add_flag("--quick", options.quick, "A small part of the cases");
  app.add_flag("--list", options.list, "Print the table of cases, a line of JSON each");
  app.add_flag("--serve", options.serve, "Answer requests on the standard input");
  CLI11_PARSE(app, argc, argv);
  try {
    nngpu::bench::run(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nngpu_gpu_bench: %s\n", error.what());
    return 1;
  }
}
