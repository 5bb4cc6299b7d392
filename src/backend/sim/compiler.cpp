#include "backend/sim/compiler.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "nngpu/error.h"

extern char** environ;

namespace nngpu::sim {
namespace {

// A name with a slash as it is, any other looked for in PATH.
std::string find_program(const std::string& name) {
  if (name.empty()) return "";
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : "";
  const char* variable = std::getenv("PATH");
  std::istringstream folders(variable == nullptr ? "" : variable);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string path = folder + "/" + name;
    if (!folder.empty() && access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

std::string find_compiler() {
  if (const char* own = std::getenv("NNGPU_SIM_CXX"); own != nullptr && *own != '\0') return find_program(own);
  for (const char* name : {NNGPU_SIM_COMPILER, "c++", "g++", "clang++"})
    if (std::string path = find_program(name); !path.empty()) return path;
  return "";
}

const std::vector<std::string>& options() {
  // Sanitized programs sanitize their kernels. -O1: a kernel of the tests runs once, its compilation counts.
  static const std::vector<std::string> list = [] {
    std::vector<std::string> all = {"-x",
                                    "c++",
                                    "-std=c++20",
                                    "-O1",
                                    "-g0",
                                    "-w",
                                    "-shared",
                                    "-fPIC",
                                    "-ffp-contract=off",
                                    "-fno-math-errno",
                                    "-fno-strict-aliasing"};
    const std::string sanitizers = NNGPU_SIM_SANITIZE;
    if (!sanitizers.empty()) {
      all.push_back("-fsanitize=" + sanitizers);
      if (sanitizers.find("undefined") != std::string::npos) all.push_back("-fno-sanitize-recover=all");
    }
    return all;
  }();
  return list;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Runs the program with its standard error in a file; true if it succeeded.
bool run_program(const std::vector<std::string>& words, const std::string& error_path) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, error_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = 0;
  const int failed = posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return false;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

const std::string& compiler_path() {
  static const std::string path = find_compiler();
  return path;
}

const std::string& compiler_command() {
  static const std::string command = [] {
    std::string all = compiler_path();
    for (const std::string& option : options()) all += " " + option;
    return all;
  }();
  return command;
}

void compile_text(const std::string& text, const std::string& output_path) {
  const std::string source = output_path + ".cpp", errors = output_path + ".log";
  // Kernels without collectives run faster: the emulator must know.
  const bool cooperative = text.find("BARRIER(", text.find("namespace ng {")) != std::string::npos ||
                           text.find("simd_", text.find("namespace ng {")) != std::string::npos ||
                           text.find("SHARED(", text.find("namespace ng {")) != std::string::npos;
  {
    std::ofstream file(source);
    file << text << "\nextern \"C\" {\nextern const int ng_cooperative;\nconst int ng_cooperative = "
         << (cooperative ? 1 : 0) << ";\n}\n";
    if (!file.flush()) throw IOError("[sim] cannot write " + source);
  }
  std::vector<std::string> words{compiler_path()};
  words.insert(words.end(), options().begin(), options().end());
  words.insert(words.end(), {"-o", output_path, source});
  const bool done = run_program(words, errors);
  const std::string message = done ? "" : read_file(errors);
  std::remove(source.c_str());
  std::remove(errors.c_str());
  if (!done) {
    std::remove(output_path.c_str());
    throw DeviceError("[sim] a kernel does not compile: " + compiler_command() + ":\n" + message.substr(0, 4000));
  }
}

}  // namespace nngpu::sim
