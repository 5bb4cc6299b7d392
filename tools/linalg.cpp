// nngpu linalg OP INPUT... [-o OUT]: one operation on matrices in files.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "linalg_operations.h"
#include "nngpu/io.h"
#include "nngpu/ops.h"

namespace nngpu::tool {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string operation;
  std::vector<std::string> inputs;
  std::string output, dtype, device;
  bool json = false;
};

const LinalgOperation& find_operation(const std::string& name) {
  std::string known;
  for (const LinalgOperation& operation : linalg_operations()) {
    if (operation.name == name) return operation;
    known += std::string(known.empty() ? "" : ", ") + operation.name;
  }
  throw ValueError("[linalg] unknown operation '" + name + "': choose one of " + known);
}

// An .npz input may be "file.npz:member".
Tensor load_input(const std::string& path) {
  const size_t colon = path.rfind(".npz:");
  if (colon == std::string::npos) return io::load(path);
  const auto members = io::load_npz(path.substr(0, colon + 4));
  const auto found = members.find(path.substr(colon + 5));
  if (found == members.end()) throw IOError("[load] " + path + ": the archive has no such member");
  return found->second;
}

std::vector<Tensor> load_inputs(const Options& options) {
  std::vector<Tensor> inputs;
  for (const std::string& path : options.inputs) {
    Tensor x = load_input(path);
    if (!options.dtype.empty()) x = cast(x, dtype_from_name(options.dtype));
    inputs.push_back(x.eval());
  }
  return inputs;
}

void check_output(const Options& options, size_t results) {
  if (options.output.empty()) return;
  const fs::path parent = fs::path(options.output).parent_path();
  if (!parent.empty() && !fs::is_directory(parent)) {
    throw IOError("[save] " + options.output + ": there is no folder " + parent.string());
  }
  const std::string extension = fs::path(options.output).extension().string();
  const bool one = extension == ".npy" || extension == ".csv" || extension == ".mtx";
  if (results > 1 && one) {
    throw IOError("[save] " + options.output + ": " + std::to_string(results) +
                  " results need an .npz file or a folder (a name without extension)");
  }
  if (!one && extension != ".npz" && !extension.empty()) {
    throw IOError("[save] " + options.output + ": unknown kind of file: write .npy, .npz, .csv or .mtx");
  }
}

void save_outputs(const std::string& path, const LinalgResult& result) {
  const fs::path target(path);
  if (target.extension() == ".npz") return io::save_npz(path, result.outputs);
  if (!target.extension().empty()) return io::save(path, result.outputs[0].second);
  const bool created = fs::create_directories(target);
  try {
    for (const auto& [name, tensor] : result.outputs) io::save_npy((target / (name + ".npy")).string(), tensor);
  } catch (...) {
    if (created) fs::remove_all(target);
    throw;
  }
}

double largest(const Tensor& residual) { return max(residual).item<double>(); }

void print_text(const Options& options, const LinalgResult& result, double seconds) {
  for (const auto& [name, tensor] : result.outputs) {
    std::printf("%s: %s %s", name.c_str(), dtype_name(tensor.dtype()), to_string(tensor.shape()).c_str());
    if (tensor.rank() == 0) std::printf(" = %.10g", tensor.item<double>());
    std::printf("\n");
    if (options.output.empty() && tensor.rank() > 0) std::cout << tensor << "\n";
  }
  std::printf("time: %.3f ms\n", seconds * 1e3);
  if (result.residual) std::printf("%s: %.3g\n", result.residual_name.c_str(), largest(*result.residual));
  if (!options.output.empty()) std::printf("wrote %s\n", options.output.c_str());
}

void print_json(const Options& options, const LinalgResult& result, double seconds) {
  nlohmann::json json{{"operation", options.operation}, {"seconds", seconds}};
  for (const auto& [name, tensor] : result.outputs) {
    const Shape shape = tensor.shape();
    json["results"][name] = {{"dtype", dtype_name(tensor.dtype())},
                             {"shape", std::vector<int64_t>(shape.begin(), shape.end())}};
    if (tensor.rank() == 0) json["results"][name]["value"] = tensor.item<double>();
  }
  if (result.residual) json["residual"] = {{"name", result.residual_name}, {"value", largest(*result.residual)}};
  if (!options.output.empty()) json["output"] = options.output;
  std::printf("%s\n", json.dump(2).c_str());
}

void run(const Options& options) {
  const LinalgOperation& operation = find_operation(options.operation);
  if (static_cast<int>(options.inputs.size()) != operation.inputs) {
    throw ValueError("[linalg] " + options.operation + " takes " + std::to_string(operation.inputs) + " file" +
                     (operation.inputs == 1 ? "" : "s") + ", not " + std::to_string(options.inputs.size()));
  }
  if (!options.device.empty()) set_default_device(device_from_name(options.device));
  const std::vector<Tensor> inputs = load_inputs(options);
  const auto start = std::chrono::steady_clock::now();
  const LinalgResult result = operation.run(inputs);
  std::vector<Tensor> values;
  for (const auto& [name, tensor] : result.outputs) values.push_back(tensor);
  eval(values);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (result.residual) result.residual->eval();
  check_output(options, result.outputs.size());
  if (!options.output.empty()) save_outputs(options.output, result);
  options.json ? print_json(options, result, seconds) : print_text(options, result, seconds);
}

}  // namespace

void add_linalg(CLI::App& app) {
  std::string description = "One operation on matrices in files (.npy, .npz, .csv, .mtx)\n\nOperations:\n";
  for (const LinalgOperation& operation : linalg_operations()) {
    char line[128];
    std::snprintf(line, sizeof(line), "  %-10s %s\n", operation.name, operation.help);
    description += line;
  }
  CLI::App* command = app.add_subcommand("linalg", description);
  auto options = std::make_shared<Options>();
  command->add_option("op", options->operation, "The operation")->required();
  command->add_option("inputs", options->inputs, "Files to read; an .npz member as file.npz:name")->required();
  command->add_option("-o,--output", options->output,
                      "File or, for several results, .npz file or folder to write");
  command->add_option("--dtype", options->dtype, "Convert the inputs first")->check(CLI::IsMember({"f32", "f64"}));
  command->add_option("--device", options->device, "The device to compute on (nngpu devices)");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run(*options); });
}

}  // namespace nngpu::tool
