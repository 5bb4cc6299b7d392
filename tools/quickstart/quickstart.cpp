// nngpu quickstart: PCA and a classifier of handwritten digits, checked against Eigen; and a convolutional
// network.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "nngpu/kernel.h"
#include "quickstart/report.h"

namespace nngpu::tool {
namespace {

using namespace quickstart;  // NOLINT: this file is its front

struct Options {
  std::string data = "build/data/digits.csv.gz", report = "report.html", json, plot, device;
  int epochs = kEpochs;
};

void write_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary, std::ios::binary);
  file << text;
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    std::remove(temporary.c_str());
    throw IOError("[save] " + path + ": cannot be written");
  }
}

Summary summarize(const Digits& digits, const std::vector<Split>& splits) {
  Summary summary;
  summary.ours = run_with_nngpu(digits, splits);
  summary.eigen = run_with_eigen(digits, splits);
  for (size_t i = 0; i < splits.size(); ++i) {
    summary.accuracies.push_back(accuracy(digits, splits[i], summary.ours.predicted[i]));
    summary.mean_accuracy += summary.accuracies.back() / static_cast<double>(splits.size());
    for (size_t k = 0; k < splits[i].test.size(); ++k) {
      summary.different_predictions += summary.ours.predicted[i][k] != summary.eigen.predicted[i][k];
    }
  }
  const auto& ours = summary.ours.singular_values;
  const auto& eigen = summary.eigen.singular_values;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double difference =
        std::abs(static_cast<double>(ours[i]) - static_cast<double>(eigen[i])) / static_cast<double>(eigen[0]);
    summary.singular_value_error = std::max(summary.singular_value_error, difference);
  }
  for (const DeviceInfo& info : devices()) {
    if (info.device == default_device())
      summary.device = to_string(info.device) + " (" + info.name + ", " + info.detail + ")";
  }
  return summary;
}

nlohmann::json to_json(const Training& training) {
  nlohmann::json json{{"mean_accuracy", training.mean_accuracy},
                      {"epochs", training.epochs},
                      {"batch", kBatch},
                      {"parameters", training.parameters},
                      {"seconds", training.seconds}};
  for (const TrainedSplit& split : training.splits) {
    json["splits"].push_back({{"accuracy", split.accuracies.back()},
                              {"seconds", split.seconds},
                              {"losses", split.losses},
                              {"accuracies", split.accuracies}});
  }
  return json;
}

nlohmann::json to_json(const Summary& summary) {
  nlohmann::json json{{"device", summary.device},
                      {"accuracies", summary.accuracies},
                      {"mean_accuracy", summary.mean_accuracy},
                      {"singular_values", summary.ours.singular_values},
                      {"singular_value_error", summary.singular_value_error},
                      {"different_predictions", summary.different_predictions}};
  for (size_t i = 0; i < summary.ours.timings.size(); ++i) {
    json["timings"].push_back({{"step", summary.ours.timings[i].step},
                               {"nngpu_seconds", summary.ours.timings[i].seconds},
                               {"eigen_seconds", summary.eigen.timings[i].seconds}});
  }
  if (!summary.training.splits.empty()) json["network"] = to_json(summary.training);
  return json;
}

void print(const Summary& summary) {
  std::printf("device: %s\n", summary.device.c_str());
  for (size_t i = 0; i < summary.accuracies.size(); ++i) {
    std::printf("split %zu: held-out accuracy %.4f\n", i, summary.accuracies[i]);
  }
  std::printf("mean held-out accuracy: %.4f\n", summary.mean_accuracy);
  std::printf("singular values against Eigen: largest difference %.2g of the largest\n",
              summary.singular_value_error);
  std::printf("predictions that differ from Eigen's: %lld\n",
              static_cast<long long>(summary.different_predictions));
  for (size_t i = 0; i < summary.ours.timings.size(); ++i) {
    const double ours = summary.ours.timings[i].seconds, eigen = summary.eigen.timings[i].seconds;
    std::printf("%-32s nngpu %8.3f ms   Eigen %8.3f ms   %.2fx\n", summary.ours.timings[i].step.c_str(),
                ours * 1e3, eigen * 1e3, eigen / ours);
  }
  if (!summary.training.splits.empty()) {
    std::printf("convolutional networks: mean held-out accuracy %.4f after %d epochs, %.1f s\n",
                summary.training.mean_accuracy, summary.training.epochs, summary.training.seconds);
  }
}

// On GPUs: what the first run costs.
void print_kernels() {
  const KernelStats stats = kernel_stats();
  if (stats.compiled + stats.from_cache + stats.built_ahead == 0) return;
  std::printf(
      "kernels: %lld compiled in %.2f s of all threads, %lld from the cache, %lld built ahead; loaded in %.2f s\n",
      static_cast<long long>(stats.compiled), stats.compile_seconds, static_cast<long long>(stats.from_cache),
      static_cast<long long>(stats.built_ahead), stats.load_seconds);
}

void run(const Options& options) {
  if (!options.device.empty()) set_default_device(device_from_name(options.device));
  const Digits digits = load_digits(options.data);
  std::vector<Split> splits;
  for (uint64_t seed = 0; seed < 5; ++seed) splits.push_back(stratified_split(digits.labels, seed));
  Summary summary = summarize(digits, splits);
  if (options.epochs > 0) summary.training = train_networks(digits, splits, options.epochs);
  print(summary);
  print_kernels();
  if (!options.json.empty()) write_file(options.json, to_json(summary).dump(2) + "\n");
  if (!options.plot.empty()) write_file(options.plot, scatter_svg(summary.ours, digits.labels) + "\n");
  if (!options.report.empty()) {
    write_file(options.report, report_html(summary, digits.labels));
    std::printf("report: %s\n", options.report.c_str());
  }
  if (summary.different_predictions > 0 || summary.singular_value_error > 1e-4) {
    throw Error("[quickstart] the results differ from Eigen's (see above)");
  }
}

}  // namespace

void add_quickstart(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "quickstart", "Handwritten digits: PCA and a classifier, checked against Eigen; a network");
  auto options = std::make_shared<Options>();
  command->add_option("--data", options->data, "digits.csv or digits.csv.gz (make data fetches it)");
  command->add_option("--report", options->report, "The page to write; empty for none");
  command->add_option("--json", options->json, "Write the figures to this file");
  command->add_option("--plot", options->plot, "Write the scatter plot to this SVG file");
  command->add_option("--epochs", options->epochs, "Epochs of each network; 0 trains none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--device", options->device, "The device to compute on (nngpu devices)");
  command->callback([options] { run(*options); });
}

}  // namespace nngpu::tool
