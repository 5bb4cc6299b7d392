// Modules that cannot be used: the command says why, and works.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "backend/sim/compiler.h"

namespace nngpu {
namespace {

namespace fs = std::filesystem;

class Modules : public ::testing::Test {
 protected:
  Modules() {
    std::string pattern = (fs::temp_directory_path() / "nngpu-test-XXXXXX").string();
    base_ = mkdtemp(pattern.data());
  }
  ~Modules() override {
    std::error_code ignored;
    fs::remove_all(base_, ignored);
  }
  void SetUp() override {
    if (std::getenv("NNGPU_TOOL") == nullptr) GTEST_SKIP() << "NNGPU_TOOL names no command";
  }

  std::string path(const char* name) const { return (base_ / name).string(); }

  // The line of `nngpu devices` about cuda, where the module is this file. Others must be there as ever.
  std::string devices_with(const std::string& module) {
    const std::string command =
        "NNGPU_CUDA_MODULE='" + module + "' '" + std::getenv("NNGPU_TOOL") + "' devices 2>&1";
    std::FILE* pipe = popen(command.c_str(), "r");
    std::string all, found;
    for (char line[4096]; std::fgets(line, sizeof(line), pipe) != nullptr;) {
      all += line;
      if (std::string(line).rfind("cuda", 0) == 0) found += line;
    }
    const int status = pclose(pipe);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << all;
    EXPECT_NE(all.find("cpu"), std::string::npos) << all;
    EXPECT_NE(all.find("sim "), std::string::npos) << all;
    return found;
  }

  fs::path base_;
};

TEST_F(Modules, ThatAreAbsent) {
  const std::string line = devices_with(path("nothing.so"));
  EXPECT_NE(line.find("not usable: "), std::string::npos) << line;
  EXPECT_NE(line.find("nothing.so"), std::string::npos) << line;
}

TEST_F(Modules, ThatAreNoLibraries) {
  std::ofstream(path("broken.so")) << "no library at all\n";
  const std::string line = devices_with(path("broken.so"));
  EXPECT_NE(line.find("not usable: "), std::string::npos) << line;
  EXPECT_NE(line.find("broken.so"), std::string::npos) << line;
}

TEST_F(Modules, ThatMissALibrary) {
  sim::compile_text(
      "extern \"C\" int nobody_has_this();\nextern \"C\" int nngpu_module() { return nobody_has_this(); }\n",
      path("lonely.so"));
  const std::string line = devices_with(path("lonely.so"));
  EXPECT_NE(line.find("nobody_has_this"), std::string::npos) << line;
}

TEST_F(Modules, OfOthers) {
  sim::compile_text("extern \"C\" int something() { return 1; }\n", path("other.so"));
  EXPECT_NE(devices_with(path("other.so")).find("is no module of nngpu"), std::string::npos);
  sim::compile_text(
      "struct nngpu_module_table { unsigned size, version; const char* build; };\n"
      "static const nngpu_module_table table = {sizeof(nngpu_module_table), 1, \"0.0.1\"};\n"
      "extern \"C\" const nngpu_module_table* nngpu_module() { return &table; }\n",
      path("old.so"));
  EXPECT_NE(devices_with(path("old.so")).find("belongs to another version of nngpu"), std::string::npos);
}

}  // namespace
}  // namespace nngpu
