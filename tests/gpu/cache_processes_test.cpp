// Compiled kernels on disk, used by several processes.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "backend/gpu/disk_cache.h"
#include "backend/gpu/library.h"
#include "backend/sim/runtime.h"

extern char** environ;

namespace nngpu::gpu {
namespace {

namespace fs = std::filesystem;

constexpr int kKernels = 5;

// What a process writes down at its end.
struct Report {
  int64_t compiled = -1, from_cache = -1, built_ahead = -1;
  std::string folder;
};

// Processes of this program that run KernelCacheProcess, with a folder for compiled kernels.
class KernelCacheProcesses : public ::testing::Test {
 protected:
  KernelCacheProcesses() {
    std::string pattern = (fs::temp_directory_path() / "nngpu-test-XXXXXX").string();
    base_ = mkdtemp(pattern.data());
  }
  ~KernelCacheProcesses() override {
    std::error_code ignored;
    fs::remove_all(base_, ignored);
  }

  pid_t start(int index, const std::string& cache, const std::string& built = "") {
    std::vector<std::string> own;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text = *entry;
      if (text.rfind("NNGPU_", 0) != 0 && text.rfind("GTEST_", 0) != 0) own.push_back(text);
    }
    own.push_back("NNGPU_CACHE_DIR=" + cache);
    own.push_back("NNGPU_KERNEL_DIR=" + built);
    own.push_back("NNGPU_TEST_REPORT=" + report_path(index));
    if (const char* compiler = std::getenv("NNGPU_SIM_CXX"))
      own.push_back(std::string("NNGPU_SIM_CXX=") + compiler);
    std::vector<char*> variables;
    for (std::string& text : own) variables.push_back(text.data());
    variables.push_back(nullptr);
    std::string program = fs::read_symlink("/proc/self/exe").string(), brief = "--gtest_brief=1",
                filter = "--gtest_filter=KernelCacheProcess.*", all = "--gtest_also_run_disabled_tests";
    char* const arguments[] = {program.data(), brief.data(), filter.data(), all.data(), nullptr};
    pid_t child = 0;
    EXPECT_EQ(posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, variables.data()), 0);
    return child;
  }

  Report finish(int index, pid_t child) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "process " << index;
    Report report;
    std::ifstream(report_path(index)) >> report.compiled >> report.from_cache >> report.built_ahead >>
        report.folder;
    return report;
  }
  Report run(const std::string& cache, const std::string& built = "") {
    return finish(99, start(99, cache, built));
  }

  std::string report_path(int index) const { return (base_ / ("report-" + std::to_string(index))).string(); }
  std::string folder(const char* name) const { return (base_ / name).string(); }

  fs::path base_;
};

// The kernels differ from those of every other test, and among themselves.
TEST(KernelCacheProcess, DISABLED_ComputesWithKernelsOfItsOwn) {
  const char* path = std::getenv("NNGPU_TEST_REPORT");
  ASSERT_NE(path, nullptr);
  const auto runtime = sim::make_runtime();
  KernelLibrary library(*runtime);
  for (int k = 0; k < kKernels; ++k) {
    float value = 2;
    Arguments arguments;
    arguments.buffer(&value);
    const std::string body =
        "KERNEL(scale, OUTPUT(float, y, 0)) { y[0] = y[0] * " + std::to_string(k) + ".5f; }\n";
    runtime->launch(library.generated(body, "scale")->get(), {1, 1, 1}, {1, 1, 1}, arguments);
    EXPECT_EQ(value, 2 * k + 1);
  }
  const LibraryStats stats = library.stats();
  std::ofstream(path) << stats.compiled << ' ' << stats.from_cache << ' ' << stats.built_ahead << ' '
                      << cache_folder() << '\n';
}

TEST_F(KernelCacheProcesses, FillOneEmptyFolderTogether) {
  constexpr int kProcesses = 5;
  const std::string cache = folder("cache");
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) children.push_back(start(i, cache));
  int64_t compiled = 0;
  for (int i = 0; i < kProcesses; ++i) {
    const Report report = finish(i, children[static_cast<size_t>(i)]);
    EXPECT_EQ(report.compiled + report.from_cache, kKernels);
    EXPECT_EQ(report.folder, cache);
    compiled += report.compiled;
  }
  EXPECT_GE(compiled, kKernels);
  struct stat status {};
  ASSERT_EQ(stat(cache.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0700u);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(cache)) {
    EXPECT_EQ(entry.path().filename().string().size(), 32u) << entry.path() << " is left over";
    ++files;
  }
  EXPECT_EQ(files, kKernels);
  const Report later = run(cache);
  EXPECT_EQ(later.compiled, 0);
  EXPECT_EQ(later.from_cache, kKernels);
}

TEST_F(KernelCacheProcesses, DoNotUseAFolderThatOthersMayWriteTo) {
  const std::string cache = folder("open");
  run(cache);
  fs::permissions(cache, fs::perms::all);
  const Report report = run(cache);
  EXPECT_EQ(report.compiled, kKernels);
  EXPECT_NE(report.folder, cache);
  EXPECT_FALSE(fs::exists(report.folder)) << "a folder of one process outlives it";
}

TEST_F(KernelCacheProcesses, CompileADamagedFileAgain) {
  const std::string cache = folder("damaged");
  run(cache);
  const fs::path file = fs::directory_iterator(cache)->path();
  fs::resize_file(file, 100);
  const Report report = run(cache);
  EXPECT_EQ(report.compiled, 1);
  EXPECT_EQ(report.from_cache, kKernels - 1);
}

TEST_F(KernelCacheProcesses, FindKernelsBuiltAheadBeforeTheirOwn) {
  const std::string built = folder("built");
  run(built);
  Report report = run(folder("first"), built);
  EXPECT_EQ(report.built_ahead, kKernels);
  EXPECT_EQ(report.compiled, 0);
  // Of another driver: the cache is next.
  fs::resize_file(fs::directory_iterator(built)->path(), 100);
  report = run(folder("second"), built);
  EXPECT_EQ(report.built_ahead, kKernels - 1);
  EXPECT_EQ(report.compiled, 1);
}

}  // namespace
}  // namespace nngpu::gpu
