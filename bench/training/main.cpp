// nngpu_training_bench: one training step as a process that answers requests on its standard input, as
// torch_peer.py does. run.py starts both.
//
//   nngpu_training_bench --list                    the names of the steps
//   nngpu_training_bench CASE FOLDER THREADS DEVICE       serves: run STEPS, memory, quit
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "nngpu/device.h"
#include "nngpu/io.h"
#include "steps.h"

namespace {

using namespace nngpu;

// A line of /proc/self/status in KiB; where there is none, the peak.
int64_t status_kib(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":")) return std::stoll(line.substr(key.size() + 1));
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// As cases.py names the inputs, which are used in turn.
std::string path_of(const std::string& folder, char kind, int turn) {
  return folder + "/" + kind + std::to_string(turn) + ".npy";
}

class Trainer {
 public:
  Trainer(const std::string& name, const std::string& folder) {
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts anew
    baseline_ = status_kib("VmRSS");
    for (int turn = 0; turn == 0 || std::ifstream(path_of(folder, 'x', turn)).good(); ++turn) {
      x_.push_back(io::load_npy(path_of(folder, 'x', turn)));
      y_.push_back(io::load_npy(path_of(folder, 'y', turn)));
    }
    step_ = bench::make_step(name);
    std::printf("{\"ready\": true, \"parameters\": %lld}\n", static_cast<long long>(step_.parameters));
  }

  void run(int steps) {
    const auto start = std::chrono::steady_clock::now();
    Tensor loss;
    for (int i = 0; i < steps; ++i) {
      loss = step_.run(x_[turn_], y_[turn_]);
      turn_ = (turn_ + 1) % x_.size();
    }
    const float value = loss.item<float>();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("{\"seconds\": %.9f, \"loss\": %.9g}\n", seconds, value);
  }

  void memory() const {
    if (default_device().type != DeviceType::CPU) {
      std::printf("{\"baseline_kib\": 0, \"peak_kib\": %lld}\n",
                  static_cast<long long>(memory_stats().peak / 1024));
      return;
    }
    std::printf("{\"baseline_kib\": %lld, \"peak_kib\": %lld}\n", static_cast<long long>(baseline_),
                static_cast<long long>(status_kib("VmHWM")));
  }

 private:
  int64_t baseline_ = 0;
  std::vector<Tensor> x_, y_;
  bench::Step step_;
  size_t turn_ = 0;
};

void serve(const std::string& name, const std::string& folder, int threads) {
  set_num_threads(threads);
  Trainer trainer(name, folder);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    int steps = 1;
    words >> word >> steps;
    if (word == "quit") return;
    if (word == "run") {
      trainer.run(steps);
    } else {
      trainer.memory();
    }
    std::fflush(stdout);
  }
}

// An answer must stay one line.
std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0] == "--list") {
    for (const std::string& name : bench::step_names()) std::printf("%s\n", name.c_str());
    return 0;
  }
  try {
    if (words.size() != 4) throw std::invalid_argument("usage: nngpu_training_bench CASE FOLDER THREADS DEVICE");
    set_default_device(device_from_name(words[3]));
    serve(words[0], words[1], std::stoi(words[2]));
    return 0;
  } catch (const std::exception& error) {
    std::printf("{\"error\": \"%s\"}\n", escaped(error.what()).c_str());
    return 1;
  }
}
