// The subcommands of nngpu. Each adds itself to the command line and runs when chosen; failures are exceptions.
#ifndef NNGPU_TOOLS_COMMANDS_H_
#define NNGPU_TOOLS_COMMANDS_H_

#include <CLI/CLI.hpp>

namespace nngpu::tool {

void add_devices(CLI::App& app);
void add_linalg(CLI::App& app);
void add_bench(CLI::App& app);
void add_quickstart(CLI::App& app);

}  // namespace nngpu::tool

#endif  // NNGPU_TOOLS_COMMANDS_H_
