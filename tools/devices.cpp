// nngpu devices: what was found, and why the rest is not usable.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "nngpu/device.h"

namespace nngpu::tool {
namespace {

void print_text() {
  for (const DeviceInfo& info : devices()) {
    if (!info.available) {
      std::printf("%-8s not usable: %s\n", to_string(info.device).c_str(), info.detail.c_str());
      continue;
    }
    const char* mark = info.device == default_device() ? " (default)" : "";
    std::printf("%-8s %s, %.1f GiB, %s%s\n", to_string(info.device).c_str(), info.name.c_str(),
                static_cast<double>(info.memory_bytes) / (1 << 30), info.detail.c_str(), mark);
  }
}

void print_json() {
  nlohmann::json list = nlohmann::json::array();
  for (const DeviceInfo& info : devices()) {
    list.push_back({{"device", to_string(info.device)},
                    {"available", info.available},
                    {"default", info.available && info.device == default_device()},
                    {"name", info.name},
                    {"detail", info.detail},
                    {"memory_bytes", info.memory_bytes}});
  }
  std::printf("%s\n", list.dump(2).c_str());
}

}  // namespace

void add_devices(CLI::App& app) {
  CLI::App* command = app.add_subcommand("devices", "List the devices found, and why others are not usable");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->callback([json] { *json ? print_json() : print_text(); });
}

}  // namespace nngpu::tool
