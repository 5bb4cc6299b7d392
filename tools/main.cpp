// The nngpu command.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "commands.h"

namespace {

// Errors are one line: what, where, and what to do.
int fail(const std::string& message) {
  std::string line = message;
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  std::fprintf(stderr, "nngpu: %s\n", line.c_str());
  return 1;
}

// CLI11 itself would only say that a subcommand is required.
void check_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::string known;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (command->get_name() == argv[1]) return;
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  throw std::runtime_error(std::string("unknown command '") + argv[1] + "': choose one of " + known);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Numerical computing on the GPU and CPU: matrices, decompositions, files.", "nngpu");
  app.set_version_flag("--version", NNGPU_VERSION);
  app.require_subcommand(1);
  nngpu::tool::add_devices(app);
  nngpu::tool::add_linalg(app);
  nngpu::tool::add_bench(app);
  nngpu::tool::add_quickstart(app);
  try {
    check_command(app, argc, argv);
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    fail(std::string(error.what()) + " (see nngpu --help)");
    return 2;
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}
