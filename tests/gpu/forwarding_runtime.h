// The simulated device, with a vendor's library that a test puts behind it.
#ifndef NNGPU_TESTS_GPU_FORWARDING_RUNTIME_H_
#define NNGPU_TESTS_GPU_FORWARDING_RUNTIME_H_

#include "backend/sim/runtime.h"

namespace nngpu::gpu {

class ForwardingRuntime : public Runtime {
 public:
  const Properties& properties() const override { return sim_->properties(); }
  Dialect dialect() const override { return sim_->dialect(); }
  void* allocate(size_t bytes) override { return sim_->allocate(bytes); }
  void free(void* block, size_t bytes) override { sim_->free(block, bytes); }
  void upload(void* to, const void* from, size_t bytes) override { sim_->upload(to, from, bytes); }
  void download(void* to, const void* from, size_t bytes) override { sim_->download(to, from, bytes); }
  void copy(void* to, const void* from, size_t bytes) override { sim_->copy(to, from, bytes); }
  void fill_zero(void* to, size_t bytes) override { sim_->fill_zero(to, bytes); }
  void compile(const std::string& text, const std::string& path) override { sim_->compile(text, path); }
  std::unique_ptr<Module> load(const std::string& path) override { return sim_->load(path); }
  void launch(DriverKernel kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments) override {
    sim_->launch(kernel, blocks, threads, arguments);
  }
  void synchronize() override { sim_->synchronize(); }

 private:
  std::unique_ptr<Runtime> sim_ = sim::make_runtime();
};

}  // namespace nngpu::gpu

#endif  // NNGPU_TESTS_GPU_FORWARDING_RUNTIME_H_
