#include "backend/sim/runtime.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <unordered_map>

#include "backend/sim/compiler.h"
#include "backend/sim/emulator.h"
#include "nngpu/error.h"

namespace nngpu::sim {
namespace {

struct Kernel {
  Entry entry;
  bool cooperative;
};

class SimModule : public gpu::Module {
 public:
  explicit SimModule(const std::string& path) {
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) throw DeviceError(std::string("[sim] cannot load a kernel: ") + dlerror());
    const auto bind = reinterpret_cast<void (*)(const void*)>(dlsym(handle_, "ng_bind"));
    const auto* flag = static_cast<const int*>(dlsym(handle_, "ng_cooperative"));
    if (bind == nullptr || flag == nullptr) throw DeviceError("[sim] " + path + " is no compiled kernel");
    bind(&services());
    cooperative_ = *flag != 0;
  }
  // The code stays loaded: sanitizers report leaks and errors by it until the end.
  gpu::DriverKernel find(const std::string& name) const override {
    Kernel& kernel = kernels_[name];
    if (kernel.entry == nullptr) {
      kernel.entry = reinterpret_cast<Entry>(dlsym(handle_, ("ng_entry_" + name).c_str()));
      kernel.cooperative = cooperative_;
    }
    if (kernel.entry == nullptr) throw Error("[sim] internal error: no kernel " + name);
    return &kernel;
  }

 private:
  void* handle_;
  bool cooperative_;
  mutable std::unordered_map<std::string, Kernel> kernels_;
};

// Runs its steps one after another, as the runtime would.
class SimGraph : public gpu::StepGraph {
 public:
  SimGraph(gpu::Runtime& runtime, std::span<const gpu::Step> steps)
      : runtime_(runtime), steps_(steps.begin(), steps.end()) {}
  void set(size_t index, const gpu::Step& step) override { steps_.at(index) = step; }
  void launch() override {
    for (const gpu::Step& step : steps_) std::visit([this](const auto& s) { run(s); }, step);
  }

 private:
  void run(const gpu::KernelStep& s) { runtime_.launch(s.kernel, s.blocks, s.threads, s.arguments); }
  void run(const gpu::CopyStep& s) { runtime_.copy(s.to, s.from, s.bytes); }
  void run(const gpu::ZeroStep& s) { runtime_.fill_zero(s.to, s.bytes); }
  void run(const gpu::Gemm&) {}
  void run(const gpu::Factorization&) {}
  void run(const gpu::VendorConvolution&) {}
  gpu::Runtime& runtime_;
  std::vector<gpu::Step> steps_;
};

class SimRuntime : public gpu::Runtime {
 public:
  SimRuntime() : schedule_(schedule_from_environment()) {
    properties_.name = "simulated GPU";
    properties_.architecture = "sim " + compiler_command();
    properties_.detail = "kernels compiled by " + compiler_path() + ", run on the host";
    properties_.memory_bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
    properties_.multiprocessors = 4;
  }
  const gpu::Properties& properties() const override { return properties_; }
  gpu::Dialect dialect() const override { return gpu::Dialect::Host; }

  void* allocate(size_t bytes) override {
    if (bytes > static_cast<size_t>(properties_.memory_bytes)) return nullptr;
    void* block = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (block != nullptr) std::memset(block, 0xff, bytes);  // what nobody wrote reads as NaN
    return block;
  }
  void free(void* block, size_t) override { std::free(block); }
  void upload(void* to, const void* from, size_t bytes) override { move(to, from, bytes); }
  void download(void* to, const void* from, size_t bytes) override { move(to, from, bytes); }
  void copy(void* to, const void* from, size_t bytes) override { move(to, from, bytes); }
  void fill_zero(void* to, size_t bytes) override {
    if (bytes > 0) std::memset(to, 0, bytes);
  }
  void compile(const std::string& text, const std::string& output_path) override {
    compile_text(text, output_path);
  }
  std::unique_ptr<gpu::Module> load(const std::string& path) override { return std::make_unique<SimModule>(path); }

  void launch(gpu::DriverKernel handle, gpu::Dim3 blocks, gpu::Dim3 threads,
              const gpu::Arguments& arguments) override {
    const auto& kernel = *static_cast<const Kernel*>(handle);
    std::vector<void*> addresses;
    for (const auto& entry : arguments.entries()) addresses.push_back(const_cast<char*>(arguments.data(entry)));
    run_grid(kernel.entry, addresses.data(), {blocks.x, blocks.y, blocks.z}, {threads.x, threads.y, threads.z},
             kernel.cooperative, schedule_);
  }
  void synchronize() override {}

  bool is_graphable(const gpu::Step& step) const override {
    return std::holds_alternative<gpu::KernelStep>(step) || std::holds_alternative<gpu::CopyStep>(step) ||
           std::holds_alternative<gpu::ZeroStep>(step);
  }
  std::unique_ptr<gpu::StepGraph> make_graph(std::span<const gpu::Step> steps) override {
    return std::make_unique<SimGraph>(*this, steps);
  }

 private:
  static void move(void* to, const void* from, size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  gpu::Properties properties_;
  Schedule schedule_;
};

}  // namespace

std::string absence() {
  return compiler_path().empty()
             ? "it compiles kernels with the host's C++ compiler, and none was found (NNGPU_SIM_CXX names one)"
             : "";
}

std::unique_ptr<gpu::Runtime> make_runtime() { return std::make_unique<SimRuntime>(); }

}  // namespace nngpu::sim
