// Compiled kernels on disk.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "backend/gpu/disk_cache.h"
#include "backend/gpu/library.h"
#include "backend/sim/runtime.h"
#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBody = "KERNEL(one, OUTPUT(float, y, 0)) { y[0] = 1.25f; }\n";

float run_once(KernelLibrary& library, Runtime& runtime) {
  float value = 0;
  Arguments arguments;
  arguments.buffer(&value);
  runtime.launch(library.generated(kBody, "one")->get(), {1, 1, 1}, {1, 1, 1}, arguments);
  return value;
}

TEST(KernelCache, TheFolderBelongsToItsOwnerAlone) {
  struct stat status {};
  ASSERT_EQ(stat(cache_folder().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & (S_IWGRP | S_IWOTH), 0u);
}

TEST(KernelCache, ASecondLibraryFindsTheFile) {
  const auto runtime = sim::make_runtime();
  KernelLibrary first(*runtime);
  EXPECT_EQ(run_once(first, *runtime), 1.25f);
  KernelLibrary second(*runtime);
  EXPECT_EQ(run_once(second, *runtime), 1.25f);
  EXPECT_EQ(second.compiled(), 0);
}

TEST(KernelCache, KernelsOfAPlanAreCompiledBesideIt) {
  const auto runtime = sim::make_runtime();
  KernelLibrary library(*runtime);
  const std::string own = std::to_string(getpid());
  std::vector<KernelHandle> kernels;
  {
    const KernelLibrary::Ahead ahead;
    for (int k = 0; k < 4; ++k)
      kernels.push_back(library.generated(
          "KERNEL(add, OUTPUT(float, y, 0)) { y[0] += " + own + std::to_string(k) + ".0f; }\n", "add"));
    kernels.push_back(library.generated("KERNEL(broken, OUTPUT(float, y, 0)) { y[0] = nothing; }\n", "broken"));
  }
  for (int k = 0; k < 4; ++k) {
    float value = 0;
    Arguments arguments;
    arguments.buffer(&value);
    runtime->launch(kernels[static_cast<size_t>(k)]->get(), {1, 1, 1}, {1, 1, 1}, arguments);
    EXPECT_EQ(value, std::stof(own + std::to_string(k)));
  }
  EXPECT_EQ(library.stats().compiled, 4);
  EXPECT_GT(library.stats().compile_seconds, 0);
  // What the compiler says comes with the launch, each time.
  for (int i = 0; i < 2; ++i) EXPECT_THROW(kernels.back()->get(), DeviceError);
}

TEST(KernelCache, AFileIsCompleteOrAbsent) {
  const std::string name = "test-" + std::to_string(getpid());
  const std::string path = cached_file(name, [](const std::string& part) { std::ofstream(part) << "whole"; });
  std::ifstream file(path);
  std::string text;
  file >> text;
  EXPECT_EQ(text, "whole");
  EXPECT_THROW(cached_file(name + "b", [](const std::string&) { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_FALSE(fs::exists(cache_folder() + "/" + name + "b"));
  fs::remove(path);
}

TEST(KernelCache, DigestsDifferByEveryByte) {
  EXPECT_EQ(digest("abc").size(), 32u);
  EXPECT_NE(digest("abc"), digest("abd"));
  EXPECT_NE(digest("abc"), digest("abc "));
  EXPECT_NE(digest(std::string("a\0b", 3)), digest("ab"));
}

}  // namespace
}  // namespace nngpu::gpu
