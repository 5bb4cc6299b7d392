#include "backend/gpu/module_runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "backend/gpu/installed.h"
#include "backend/gpu/module_table.h"
#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

constexpr const char* kModuleName = "libnngpu_cuda.so";

std::string find_module() {
  if (const char* named = std::getenv("NNGPU_CUDA_MODULE"); named != nullptr && *named != '\0') return named;
  return find_installed(kModuleName);
}

struct LoadedModule {
  const nngpu_module_table* table = nullptr;
  std::string why;  // there is none
};

LoadedModule load_module() {
  const std::string path = find_module();
  if (path.empty()) return {nullptr, std::string("this build has no cuda module (") + kModuleName + ")"};
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return {nullptr, dlerror()};
  const auto entry = reinterpret_cast<nngpu_module_entry>(dlsym(handle, "nngpu_module"));
  if (entry == nullptr) return {nullptr, path + " is no module of nngpu"};
  const nngpu_module_table* table = entry();
  if (table->version != NNGPU_MODULE_VERSION || table->size != sizeof(nngpu_module_table) ||
      std::string(table->build_id) != NNGPU_VERSION)
    return {nullptr, path + " belongs to another version of nngpu"};
  return {table, ""};
}

const LoadedModule& module() {
  static const auto* loaded = new LoadedModule(load_module());  // never unloaded
  return *loaded;
}

const nngpu_module_table& table() { return *module().table; }

void check(int code, const char* call) {
  if (code == NNGPU_MODULE_OK) return;
  const std::string message = std::string("[cuda] ") + call + ": " + table().error();
  if (code == NNGPU_MODULE_OUT_OF_MEMORY) throw OutOfMemoryError(message);
  throw DeviceError(message);
}

class LoadedKernels : public Module {
 public:
  LoadedKernels(void* device, const std::string& path) : device_(device) {
    check(table().load(device_, path.c_str(), &module_), "load");
  }
  ~LoadedKernels() override { table().unload(device_, module_); }
  DriverKernel find(const std::string& name) const override {
    void* kernel = nullptr;
    check(table().find(device_, module_, name.c_str(), &kernel), "find");
    return kernel;
  }

 private:
  void* device_;
  void* module_ = nullptr;
};

nngpu_module_gemm product_of(const Gemm& g) {
  return {static_cast<int32_t>(g.dtype),
          g.transpose_a,
          g.transpose_b,
          g.tf32,
          static_cast<int32_t>(g.epilogue),
          g.adds,
          g.m,
          g.n,
          g.k,
          g.lda,
          g.ldb,
          g.ldc,
          g.batch,
          g.stride_a,
          g.stride_b,
          g.stride_c,
          g.a,
          g.b,
          g.c,
          g.bias,
          g.added};
}

nngpu_module_tensor tensor_of(const VendorConvolution::Tensor& tensor) {
  nngpu_module_tensor result{};
  for (int i = 0; i < 4; ++i) {
    result.size[i] = tensor.size[i];
    result.stride[i] = tensor.stride[i];
  }
  return result;
}

nngpu_module_convolution convolution_of(const VendorConvolution& c) {
  nngpu_module_convolution result{};
  result.mode = static_cast<int32_t>(c.mode);
  result.dtype = static_cast<int32_t>(c.dtype);
  result.tf32 = c.tf32;
  result.x = tensor_of(c.x);
  result.w = tensor_of(c.w);
  result.y = tensor_of(c.y);
  for (int i = 0; i < 2; ++i) {
    result.stride[i] = c.stride[i];
    result.dilation[i] = c.dilation[i];
    result.low[i] = c.low[i];
    result.high[i] = c.high[i];
  }
  result.x_data = c.x_data;
  result.w_data = c.w_data;
  result.y_data = c.y_data;
  result.workspace = c.workspace;
  return result;
}

// A step as the table takes it, with what it points to.
class StepCall {
 public:
  explicit StepCall(const Step& step) {
    std::visit([this](const auto& s) { fill(s); }, step);
  }
  // Valid while this lies where it is.
  const nngpu_module_step& step() {
    step_.arguments = arguments_.data();
    step_.product = &product_;
    step_.convolution = &convolution_;
    return step_;
  }

 private:
  void fill(const KernelStep& s) {
    step_.kind = NNGPU_STEP_LAUNCH;
    step_.kernel = const_cast<void*>(s.kernel);
    const uint32_t grid[3] = {s.blocks.x, s.blocks.y, s.blocks.z},
                   block[3] = {s.threads.x, s.threads.y, s.threads.z};
    std::copy(grid, grid + 3, step_.blocks);
    std::copy(block, block + 3, step_.threads);
    for (const Arguments::Entry& entry : s.arguments.entries())
      arguments_.push_back(const_cast<char*>(s.arguments.data(entry)));
  }
  void fill(const CopyStep& s) {
    step_.kind = NNGPU_STEP_COPY;
    step_.to = s.to;
    step_.from = s.from;
    step_.bytes = s.bytes;
  }
  void fill(const ZeroStep& s) {
    step_.kind = NNGPU_STEP_FILL_ZERO;
    step_.to = s.to;
    step_.bytes = s.bytes;
  }
  void fill(const Gemm& g) {
    step_.kind = NNGPU_STEP_GEMM;
    product_ = product_of(g);
  }
  void fill(const VendorConvolution& c) {
    step_.kind = NNGPU_STEP_CONVOLUTION;
    convolution_ = convolution_of(c);
  }
  void fill(const Factorization&) { throw Error("[cuda] internal error: a graph has no decompositions"); }

  nngpu_module_step step_{};
  nngpu_module_gemm product_{};
  nngpu_module_convolution convolution_{};
  std::vector<void*> arguments_;
};

class ModuleGraph : public StepGraph {
 public:
  ModuleGraph(void* device, void* graph) : device_(device), graph_(graph) {}
  ~ModuleGraph() override { table().graph_free(device_, graph_); }
  void set(size_t index, const Step& step) override {
    StepCall call(step);
    check(table().graph_set(device_, graph_, index, &call.step()), "graph_set");
  }
  void launch() override { check(table().graph_launch(device_, graph_), "graph_launch"); }

 private:
  void* device_;
  void* graph_;
};

class ModuleRuntime : public Runtime {
 public:
  explicit ModuleRuntime(int index) {
    check(table().open(index, &device_), "open");
    nngpu_module_properties found{};
    check(table().properties(device_, &found), "properties");
    properties_ = {found.name,        found.architecture, found.detail, found.memory_bytes, found.multiprocessors,
                   found.max_threads, found.shared_bytes, true};
  }
  const Properties& properties() const override { return properties_; }
  Dialect dialect() const override { return Dialect::Cuda; }

  void* allocate(size_t bytes) override {
    void* block = nullptr;
    const int code = table().allocate(device_, bytes, &block);
    if (code == NNGPU_MODULE_OUT_OF_MEMORY) return nullptr;
    check(code, "allocate");
    return block;
  }
  // Called by destructors: what fails here fails again at the next call that can say so.
  void free(void* block, size_t) override { table().free(device_, block); }
  void trim() override { check(table().trim(device_), "trim"); }
  void upload(void* to, const void* from, size_t bytes) override {
    check(table().upload(device_, to, from, bytes), "upload");
  }
  void download(void* to, const void* from, size_t bytes) override {
    check(table().download(device_, to, from, bytes), "download");
  }
  void copy(void* to, const void* from, size_t bytes) override {
    check(table().copy(device_, to, from, bytes), "copy");
  }
  void fill_zero(void* to, size_t bytes) override { check(table().fill_zero(device_, to, bytes), "fill_zero"); }
  void compile(const std::string& text, const std::string& output_path) override {
    check(table().compile(device_, text.c_str(), output_path.c_str()), "compile");
  }
  std::unique_ptr<Module> load(const std::string& path) override {
    return std::make_unique<LoadedKernels>(device_, path);
  }
  void launch(DriverKernel kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments) override {
    constexpr size_t kMost = 64;
    void* addresses[kMost];
    const auto& entries = arguments.entries();
    if (entries.size() > kMost) throw Error("[cuda] internal error: too many arguments");
    for (size_t i = 0; i < entries.size(); ++i) addresses[i] = const_cast<char*>(arguments.data(entries[i]));
    const uint32_t grid[3] = {blocks.x, blocks.y, blocks.z}, block[3] = {threads.x, threads.y, threads.z};
    check(table().launch(device_, const_cast<void*>(kernel), grid, block, addresses), "launch");
  }
  void synchronize() override { check(table().synchronize(device_), "synchronize"); }

  bool plan_gemm(const Gemm& g) override {
    if (!products_) return false;
    const nngpu_module_gemm product = product_of(g);
    const int code = table().plan_gemm(device_, &product);
    if (code == NNGPU_MODULE_UNSUPPORTED) return false;
    check(code, "plan_gemm");
    return true;
  }
  bool gemm(const Gemm& g) override {
    if (!products_) return false;
    const nngpu_module_gemm product = product_of(g);
    const int code = table().gemm(device_, &product);
    if (code == NNGPU_MODULE_UNSUPPORTED) return false;
    check(code, "gemm");
    return true;
  }

  bool is_graphable(const Step& step) const override { return !std::holds_alternative<Factorization>(step); }
  std::unique_ptr<StepGraph> make_graph(std::span<const Step> steps) override {
    std::vector<StepCall> calls(steps.begin(), steps.end());
    std::vector<nngpu_module_step> list;
    for (StepCall& call : calls) list.push_back(call.step());
    void* graph = nullptr;
    const int code = table().graph_make(device_, list.data(), list.size(), &graph);
    if (code == NNGPU_MODULE_UNSUPPORTED) return nullptr;
    check(code, "graph_make");
    return std::make_unique<ModuleGraph>(device_, graph);
  }

  bool factorize(const Factorization& f) override {
    const nngpu_module_factorization call{static_cast<int32_t>(f.kind),
                                          static_cast<int32_t>(f.dtype),
                                          f.vectors,
                                          f.upper,
                                          f.transposed,
                                          f.unit,
                                          f.rows,
                                          f.columns,
                                          f.lda,
                                          f.ldx,
                                          f.k,
                                          f.tolerance,
                                          f.a,
                                          f.x,
                                          f.v,
                                          f.values,
                                          f.pivots,
                                          f.info};
    const int code = table().factorize(device_, &call);
    if (code == NNGPU_MODULE_UNSUPPORTED) return false;
    check(code, "factorize");
    return true;
  }

  bool plan_convolution(const VendorConvolution& c, size_t& workspace_bytes) override {
    const nngpu_module_convolution convolution = convolution_of(c);
    const int code = table().plan_convolution(device_, &convolution, &workspace_bytes);
    if (code == NNGPU_MODULE_UNSUPPORTED) return false;
    check(code, "plan_convolution");
    return true;
  }
  void convolve(const VendorConvolution& c) override {
    const nngpu_module_convolution convolution = convolution_of(c);
    check(table().convolve(device_, &convolution), "convolve");
  }

 private:
  static bool is_on(const char* setting) {
    const char* value = std::getenv(setting);
    return value == nullptr || std::strcmp(value, "0") != 0;
  }

  void* device_ = nullptr;
  const bool products_ = is_on("NNGPU_CUBLAS");  // 0: our own kernels compute every product
  Properties properties_;
};

}  // namespace

int cuda_device_count(std::string& why) {
  if (module().table == nullptr) {
    why = module().why;
    return 0;
  }
  int count = 0;
  if (table().device_count(&count) != NNGPU_MODULE_OK) why = table().error();
  if (count == 0 && why.empty()) why = "the driver finds no device";
  return count;
}

std::unique_ptr<Runtime> make_cuda_runtime(int index) { return std::make_unique<ModuleRuntime>(index); }

}  // namespace nngpu::gpu
