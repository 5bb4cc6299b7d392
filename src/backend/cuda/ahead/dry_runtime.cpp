#include "backend/cuda/ahead/dry_runtime.h"

#include <cstdlib>
#include <cstring>

#include "backend/cuda/nvrtc.h"
#include "nngpu/error.h"

namespace nngpu::cuda {
namespace {

class NoModule : public gpu::Module {
 public:
  gpu::DriverKernel find(const std::string&) const override { return this; }
};

class DryRuntime : public gpu::Runtime {
 public:
  DryRuntime(int major, int minor) : major_(major), minor_(minor) {
    properties_.name = "no device";
    properties_.architecture = architecture_name(major, minor);
    properties_.memory_bytes = int64_t{64} << 30;
    properties_.multiprocessors = 132;
    properties_.shared_bytes = 48 << 10;
  }
  const gpu::Properties& properties() const override { return properties_; }
  gpu::Dialect dialect() const override { return gpu::Dialect::Cuda; }
  void* allocate(size_t bytes) override {
    void* block = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (block != nullptr) std::memset(block, 0, bytes);
    return block;
  }
  void free(void* block, size_t) override { std::free(block); }
  void upload(void*, const void*, size_t) override {}
  void download(void* to, const void*, size_t bytes) override { std::memset(to, 0, bytes); }
  void copy(void*, const void*, size_t) override {}
  void fill_zero(void*, size_t) override {}
  void compile(const std::string& text, const std::string& output_path) override {
    const std::string problem = compile_text(text.c_str(), major_, minor_, output_path.c_str());
    if (!problem.empty()) throw DeviceError("[cuda] " + problem);
  }
  std::unique_ptr<gpu::Module> load(const std::string&) override { return std::make_unique<NoModule>(); }
  void launch(gpu::DriverKernel, gpu::Dim3, gpu::Dim3, const gpu::Arguments&) override {}
  void synchronize() override {}
  bool plan_gemm(const gpu::Gemm&) override { return true; }
  bool gemm(const gpu::Gemm&) override { return true; }
  bool factorize(const gpu::Factorization&) override { return true; }

 private:
  int major_, minor_;
  gpu::Properties properties_;
};

}  // namespace

std::unique_ptr<gpu::Runtime> make_dry_runtime(int major, int minor) {
  return std::make_unique<DryRuntime>(major, minor);
}

}  // namespace nngpu::cuda
