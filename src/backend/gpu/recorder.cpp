#include "backend/gpu/recorder.h"

#include <cstring>
#include <functional>
#include <utility>

#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

thread_local GpuRecorder* recorder = nullptr;

constexpr size_t kMostRecorded = 8192;  // steps

}  // namespace

// Does what the launches ask for, then records it.
class GpuRecorder::Interposed : public Runtime {
 public:
  Interposed(GpuRecorder& to, Runtime& real) : to_(to), real_(real) {}
  const Properties& properties() const override { return real_.properties(); }
  Dialect dialect() const override { return real_.dialect(); }
  void* allocate(size_t bytes) override { return real_.allocate(bytes); }
  void free(void* block, size_t bytes) override { real_.free(block, bytes); }
  void compile(const std::string& text, const std::string& path) override { real_.compile(text, path); }
  std::unique_ptr<Module> load(const std::string& path) override { return real_.load(path); }

  void upload(void* to, const void* from, size_t bytes) override {
    to_.repeatable_ = false;
    real_.upload(to, from, bytes);
  }
  void download(void* to, const void* from, size_t bytes) override {
    to_.repeatable_ = false;
    real_.download(to, from, bytes);
  }
  void synchronize() override { real_.synchronize(); }

  void copy(void* to, const void* from, size_t bytes) override {
    real_.copy(to, from, bytes);
    to_.add_step(CopyStep{to, from, bytes}, &CopyStep::to, &CopyStep::from);
  }
  void fill_zero(void* to, size_t bytes) override {
    real_.fill_zero(to, bytes);
    to_.add_step(ZeroStep{to, bytes}, &ZeroStep::to);
  }
  void launch(DriverKernel kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments) override {
    real_.launch(kernel, blocks, threads, arguments);
    to_.add_kernel(kernel, blocks, threads, arguments);
  }
  bool plan_gemm(const Gemm& g) override { return real_.plan_gemm(g); }
  bool gemm(const Gemm& g) override {
    if (!real_.gemm(g)) return false;
    to_.add_step(g, &Gemm::a, &Gemm::b, &Gemm::c, &Gemm::bias, &Gemm::added);
    return true;
  }
  bool factorize(const Factorization& f) override {
    if (!real_.factorize(f)) return false;
    using F = Factorization;
    to_.add_step(f, &F::a, &F::x, &F::v, &F::values, &F::pivots, &F::info);
    return true;
  }
  bool plan_convolution(const VendorConvolution& c, size_t& workspace_bytes) override {
    return real_.plan_convolution(c, workspace_bytes);
  }
  void convolve(const VendorConvolution& c) override {
    real_.convolve(c);
    using C = VendorConvolution;
    to_.add_step(c, &C::x_data, &C::w_data, &C::y_data, &C::workspace);
  }

 private:
  GpuRecorder& to_;
  Runtime& real_;
};

GpuRecorder::GpuRecorder(GpuBackend& gpu, Runtime& runtime, MemoryPool& pool, const RunMemory& memory)
    : gpu_(gpu), real_(runtime), memory_(memory), outer_(recorder) {
  const auto take = [this, &pool](size_t bytes) { return take_block(pool, bytes); };
  const auto give_back = [this](void* block, size_t) {
    held_.erase(block);
    repeatable_ = false;  // the block may be another region's next
  };
  pool_ = std::make_unique<MemoryPool>(gpu.device(), take, give_back);
  interposed_ = std::make_unique<Interposed>(*this, runtime);
  run_.slot_numbers.assign(memory.numbers.begin(), memory.numbers.end());
  add_slots();
  recorder = this;
}

GpuRecorder::~GpuRecorder() {
  recorder = outer_;
  // A launch that keeps its memory: then the pool must outlive it.
  if (pool_->stats().in_use == 0) return;
  struct Kept {
    std::unique_ptr<MemoryPool> pool;
    std::map<void*, BufferPtr> blocks;
  };
  static std::mutex mutex;
  static auto* kept = new std::vector<Kept>;  // never destroyed
  std::lock_guard lock(mutex);
  kept->push_back({std::move(pool_), std::move(held_)});
}

// Where there is no memory, the run's free blocks go back first, and the run is not recorded.
void* GpuRecorder::take_block(MemoryPool& pool, size_t bytes) {
  BufferPtr block;
  try {
    block = pool.allocate(bytes);
  } catch (const OutOfMemoryError&) {
    if (std::exchange(short_of_memory_, true)) throw;
    return nullptr;
  }
  short_of_memory_ = false;
  add_region(reinterpret_cast<uintptr_t>(block->data), block->capacity);
  return held_.emplace(block->data, block).first->first;
}

GpuRecorder* GpuRecorder::current(const GpuBackend& gpu) {
  return recorder != nullptr && &recorder->gpu_ == &gpu ? recorder : nullptr;
}

Runtime& GpuRecorder::runtime() { return *interposed_; }

// Slots that share a block share a region.
void GpuRecorder::add_slots() {
  for (size_t slot = 0; slot < memory_.buffers.size(); ++slot) {
    const Buffer* buffer = memory_.buffers[slot];
    if (buffer == nullptr) continue;
    const auto base = reinterpret_cast<uintptr_t>(buffer->data);
    if (buffer->pool == nullptr) repeatable_ = false;
    const size_t* known = region_of(base);
    Region& region = run_.regions[known != nullptr ? *known : add_region(base, buffer->capacity)];
    region.slots.push_back(static_cast<int32_t>(slot));
    region.at.push_back(reinterpret_cast<uintptr_t>(memory_.addresses[slot]));
  }
}

size_t GpuRecorder::add_region(uintptr_t base, size_t bytes) {
  const size_t index = run_.regions.size();
  run_.regions.push_back({{}, {}, base, bytes});
  run_.addresses.emplace_back();
  region_at_[base + bytes] = index;
  return index;
}

void GpuRecorder::add_status(const BufferPtr& memory) {
  status_.push_back(memory);
  add_region(reinterpret_cast<uintptr_t>(memory->data), memory->capacity);
}

const size_t* GpuRecorder::region_of(uintptr_t address) const {
  const auto found = region_at_.upper_bound(address);
  if (found == region_at_.end() || address < run_.regions[found->second].base) return nullptr;
  return &found->second;
}

void GpuRecorder::relocate(uint32_t offset, uintptr_t address) {
  if (address == 0) return;
  const size_t* region = region_of(address);
  if (region == nullptr) {
    repeatable_ = false;  // memory that nobody said anything of
    return;
  }
  run_.addresses[*region].push_back({static_cast<uint32_t>(run_.steps.size()), offset});
}

template <class S, class... Pointers>
void GpuRecorder::add_step(const S& step, Pointers S::*... pointers) {
  if (!repeatable_) return;
  const auto* start = reinterpret_cast<const char*>(&step);
  (relocate(static_cast<uint32_t>(reinterpret_cast<const char*>(&(step.*pointers)) - start),
            reinterpret_cast<uintptr_t>(step.*pointers)),
   ...);
  run_.steps.emplace_back(step);
}

void GpuRecorder::add_kernel(DriverKernel kernel, Dim3 blocks, Dim3 threads, const Arguments& arguments) {
  if (run_.steps.size() >= kMostRecorded) repeatable_ = false;
  if (!repeatable_) return;
  add_arguments(arguments);
  run_.steps.emplace_back(KernelStep{kernel, blocks, threads, arguments});
}

void GpuRecorder::add_arguments(const Arguments& arguments) {
  const auto* numbers = reinterpret_cast<const char*>(memory_.numbers.data());
  for (const Arguments::Entry& entry : arguments.entries()) {
    const char* data = arguments.data(entry);
    const auto word = [&](uint32_t at) {
      uintptr_t value = 0;
      std::memcpy(&value, data + at, sizeof(value));
      return value;
    };
    switch (entry.kind) {
      case Arguments::Kind::Buffer:
        relocate(entry.offset, word(0));
        break;
      case Arguments::Kind::Addresses:
        for (uint32_t at = 0; at < entry.addresses_size; at += sizeof(uintptr_t))
          relocate(entry.offset + at, word(at));
        break;
      case Arguments::Kind::Value:  // an address that is not said to be one would not be replaced
        for (uint32_t at = 0; at + sizeof(uintptr_t) <= entry.size; at += sizeof(uintptr_t))
          if (region_of(word(at)) != nullptr) repeatable_ = false;
        break;
      case Arguments::Kind::Number: {
        const std::less<> before;
        if (before(entry.number, numbers) || !before(entry.number, numbers + memory_.numbers.size_bytes())) break;
        const auto slot = static_cast<int32_t>((entry.number - numbers) / static_cast<ptrdiff_t>(sizeof(int64_t)));
        run_.numbers.push_back({{static_cast<uint32_t>(run_.steps.size()), entry.offset}, entry.size, slot});
        seen_.insert(slot);
        break;
      }
    }
  }
}

// A launch that reads a number otherwise than as an argument may do anything with it.
void GpuRecorder::launched(const graph::Launch& launch) {
  for (const graph::Operand& input : launch.inputs)
    if (input.constant && seen_.count(input.slot) == 0) fixed_.insert(input.slot);
  seen_.clear();
}

std::unique_ptr<Recording> GpuRecorder::finish(const std::vector<graph::Check>& checks) {
  for (const graph::Check& check : checks) {
    const size_t* region = region_of(reinterpret_cast<uintptr_t>(check.words->data));
    if (region == nullptr || !run_.regions[*region].slots.empty()) return nullptr;
    run_.checks.emplace_back(*region, check.read);
  }
  if (!repeatable_ || pool_->stats().in_use != 0) return nullptr;
  for (const int32_t slot : fixed_) run_.fixed.emplace_back(slot, run_.slot_numbers[slot]);
  return std::make_unique<GpuRecording>(gpu_, real_, std::move(run_));
}

}  // namespace nngpu::gpu
