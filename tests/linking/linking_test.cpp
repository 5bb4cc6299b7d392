// What the process really loaded: the OpenMP build of OpenBLAS, and one OpenMP runtime for it and for us.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "backend/cpu/parallel.h"

#if defined(__linux__)
#include <dlfcn.h>
#include <link.h>
#endif

#ifndef NNGPU_USE_ACCELERATE
extern "C" int openblas_get_parallel(void);
#endif

namespace {

TEST(Linking, LibraryUsesTheOpenMPThreads) { EXPECT_GE(nngpu::cpu::num_threads(), 1); }

#ifndef NNGPU_USE_ACCELERATE
TEST(Linking, OpenBlasIsTheOpenMPBuild) {
  EXPECT_EQ(openblas_get_parallel(), 2);  // 0 serial, 1 threads of its own, 2 OpenMP
}
#endif

#if defined(__linux__)
std::string loaded_from(const char* symbol) {
  Dl_info info{};
  void* address = dlsym(RTLD_DEFAULT, symbol);
  return address && dladdr(address, &info) ? info.dli_fname : "";
}

TEST(Linking, OneOpenMPRuntimeIsLoaded) {
  std::set<std::string> runtimes;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        const std::string name = info->dlpi_name;
        for (const char* runtime : {"/libgomp", "/libomp.", "/libomp-", "/libiomp"}) {
          if (name.find(runtime) != std::string::npos) static_cast<std::set<std::string>*>(out)->insert(name);
        }
        return 0;
      },
      &runtimes);
  std::string names;
  for (const std::string& name : runtimes) names += name + " ";
  EXPECT_EQ(runtimes.size(), 1u) << names;
  EXPECT_EQ(loaded_from("omp_get_max_threads"), loaded_from("GOMP_parallel"));
}
#endif

}  // namespace
