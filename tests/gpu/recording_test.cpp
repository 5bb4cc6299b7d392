// Recordings below the engine: what is submitted again, and when not, on a runtime that writes down what it is
// told.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "backend/gpu/backend.h"
#include "nngpu/error.h"

namespace nngpu::gpu {
namespace {

struct Log {
  std::vector<std::vector<uintptr_t>> steps;  // the addresses and numbers of each
  int graphs = 0, made = 0, told = 0;
  bool makes_graphs = true;
};

class LogRuntime : public Runtime {
 public:
  explicit LogRuntime(Log& log) : log_(log) { properties_.name = "log"; }
  const Properties& properties() const override { return properties_; }
  Dialect dialect() const override { return Dialect::Host; }
  void* allocate(size_t bytes) override { return std::aligned_alloc(256, (bytes + 255) / 256 * 256); }
  void free(void* block, size_t) override { std::free(block); }
  void upload(void*, const void*, size_t) override {}
  void download(void*, const void*, size_t) override {}
  void compile(const std::string&, const std::string&) override {}
  std::unique_ptr<Module> load(const std::string&) override { return nullptr; }
  void synchronize() override {}

  void copy(void* to, const void* from, size_t bytes) override { add({word(to), word(from), bytes}); }
  void fill_zero(void* to, size_t bytes) override { add({word(to), bytes}); }
  void launch(DriverKernel, Dim3 blocks, Dim3, const Arguments& arguments) override {
    std::vector<uintptr_t> step = {blocks.x};
    for (const auto& entry : arguments.entries()) {
      for (size_t at = 0; at < entry.size; at += 8) {
        uintptr_t value = 0;
        std::memcpy(&value, arguments.data(entry) + at, std::min<size_t>(8, entry.size - at));
        step.push_back(value);
      }
    }
    add(step);
  }
  bool gemm(const Gemm& g) override {
    add({word(g.a), word(g.b), word(g.c)});
    return true;
  }
  bool factorize(const Factorization& f) override {
    add({word(f.a), word(f.x), word(f.v), word(f.values), word(f.pivots), word(f.info)});
    return true;
  }
  void convolve(const VendorConvolution& c) override {
    add({word(c.x_data), word(c.w_data), word(c.y_data), word(c.workspace)});
  }
  bool is_graphable(const Step& step) const override { return !std::holds_alternative<Factorization>(step); }
  std::unique_ptr<StepGraph> make_graph(std::span<const Step> steps) override;

 private:
  friend class LogGraph;
  static uintptr_t word(const void* p) { return reinterpret_cast<uintptr_t>(p); }
  void add(std::vector<uintptr_t> step) { log_.steps.push_back(std::move(step)); }
  Log& log_;
  Properties properties_;
};

class LogGraph : public StepGraph {
 public:
  LogGraph(LogRuntime& runtime, std::span<const Step> steps)
      : runtime_(runtime), steps_(steps.begin(), steps.end()) {}
  void set(size_t index, const Step& step) override {
    ASSERT_EQ(steps_.at(index).index(), step.index());
    steps_[index] = step;
    ++runtime_.log_.told;
  }
  void launch() override {
    ++runtime_.log_.graphs;
    for (const Step& step : steps_) {
      if (const auto* k = std::get_if<KernelStep>(&step))
        runtime_.launch(k->kernel, k->blocks, k->threads, k->arguments);
      if (const auto* c = std::get_if<CopyStep>(&step)) runtime_.copy(c->to, c->from, c->bytes);
      if (const auto* z = std::get_if<ZeroStep>(&step)) runtime_.fill_zero(z->to, z->bytes);
      if (const auto* g = std::get_if<Gemm>(&step)) runtime_.gemm(*g);
      if (const auto* v = std::get_if<VendorConvolution>(&step)) runtime_.convolve(*v);
    }
  }

 private:
  LogRuntime& runtime_;
  std::vector<Step> steps_;
};

std::unique_ptr<StepGraph> LogRuntime::make_graph(std::span<const Step> steps) {
  if (!log_.makes_graphs) return nullptr;
  ++log_.made;
  return std::make_unique<LogGraph>(*this, steps);
}

// A plan's slots: two blocks, and two numbers.
struct Memory {
  BufferPtr x, y;
  std::vector<char*> addresses;
  std::vector<Buffer*> buffers;
  std::vector<int64_t> numbers;
  Memory(BufferPtr first, BufferPtr second, int64_t a, int64_t b, size_t offset = 0)
      : x(std::move(first)),
        y(std::move(second)),
        buffers{x.get(), y.get(), nullptr, nullptr},
        numbers{0, 0, a, b} {
    addresses = {x->data + offset, y->data, reinterpret_cast<char*>(&numbers[2]),
                 reinterpret_cast<char*>(&numbers[3])};
  }
  RunMemory run() const { return {addresses, buffers, numbers}; }
};

class Recordings : public ::testing::Test {
 protected:
  Recordings() : gpu_(Device{DeviceType::Sim, 0}, std::make_unique<LogRuntime>(log_)) {}
  ~Recordings() override { checks_.clear(); }

  Memory memory(int64_t a = 3, int64_t b = 4) {
    return {gpu_.pool().allocate(1024), gpu_.pool().allocate(512), a, b};
  }

  // What launches might do. The second number decides something on the host.
  void work(const Memory& m, std::vector<graph::Check>& checks) {
    char *x = m.addresses[0], *y = m.addresses[1];
    const BufferPtr own = gpu_.pool().allocate(256), status = gpu_.status_memory(64);
    gpu_.runtime().copy(own->data + 64, x, 64);
    gpu_.runtime().fill_zero(status->data, 64);
    Arguments arguments;
    struct {
      const void* at[3];
      int64_t more;
    } table{{y + 16, nullptr, own->data}, 5};
    arguments.buffer(x + 8).number(m.addresses[2], 4, 8).value(int64_t{77}).buffer(nullptr).addresses(table.at);
    arguments.addresses(&table, sizeof(table), sizeof(table.at));
    gpu_.runtime().launch(this, {static_cast<uint32_t>(m.numbers[3]), 1, 1}, {32, 1, 1}, arguments);
    Gemm g{};
    g.a = x;
    g.b = own->data;
    g.c = y;
    gpu_.runtime().gemm(g);
    VendorConvolution v{};
    v.x_data = x + 32;
    v.w_data = own->data;
    v.y_data = y;
    v.workspace = own->data + 128;
    gpu_.runtime().convolve(v);
    Factorization f{};
    f.a = own->data;
    f.info = reinterpret_cast<int32_t*>(status->data);
    gpu_.runtime().factorize(f);
    for (int i = 0; i < 3; ++i) gpu_.runtime().copy(y + i, x + i, 1);
    checks.push_back({status, std::make_shared<const graph::Check::Read>()});
  }
  std::unique_ptr<Recording> record(const Memory& m) {
    const auto recorder = gpu_.record(m.run());
    std::vector<graph::Check> checks;
    work(m, checks);
    graph::Launch launch;
    for (int32_t slot : {2, 3}) {
      launch.inputs.emplace_back();
      launch.inputs.back().slot = slot;
      launch.inputs.back().constant = true;
    }
    recorder->launched(launch);
    return recorder->finish(checks);
  }
  // What a replay submits, with places in blocks for addresses; those of the launches' own memory by order.
  std::vector<std::vector<uintptr_t>> plain(const Memory& m, const graph::Check& check) {
    std::map<uintptr_t, uintptr_t> own;
    auto steps = std::exchange(log_.steps, {});
    for (auto& step : steps)
      for (uintptr_t& value : step) {
        const auto in = [&](const BufferPtr& b) {
          return value - reinterpret_cast<uintptr_t>(b->data) < b->capacity;
        };
        if (in(m.x))
          value += (1u << 20) - reinterpret_cast<uintptr_t>(m.x->data);
        else if (in(m.y))
          value += (2u << 20) - reinterpret_cast<uintptr_t>(m.y->data);
        else if (in(check.words))
          value += (3u << 20) - reinterpret_cast<uintptr_t>(check.words->data);
        else if (value > (1u << 24))
          value = (4u << 20) + value % 256 + 256 * (own.emplace(value / 256, own.size()).first->second);
      }
    return steps;
  }
  void expect_replay(Recording& recording, const Memory& m) {
    log_.steps.clear();
    std::vector<graph::Check> direct, replayed;
    work(m, direct);
    const auto right = plain(m, direct.at(0));
    ASSERT_EQ(right.size(), 9u);
    ASSERT_TRUE(recording.replay(m.run(), replayed));
    ASSERT_EQ(replayed.size(), 1u);
    EXPECT_EQ(plain(m, replayed[0]), right);
    checks_.push_back(replayed[0]);  // whose words nobody has read
  }

  Log log_;
  GpuBackend gpu_;
  std::vector<graph::Check> checks_;
};

TEST_F(Recordings, SubmitTheSameForOtherMemoryAndNumbers) {
  const auto recording = record(memory());
  ASSERT_NE(recording, nullptr);
  std::vector<Memory> held;
  for (int i = 0; i < 20; ++i) {
    held.push_back(memory(i / 2));
    expect_replay(*recording, held.back());
    EXPECT_EQ(log_.graphs, 2 * (i + 1));  // the decomposition between them is no step of a graph
  }
  for (const Memory& m : held) expect_replay(*recording, m);
  std::set<const void*> words;
  for (const auto& check : checks_) words.insert(check.words->data);
  EXPECT_EQ(words.size(), checks_.size());
  EXPECT_LE(log_.made, 2 * 8);
}

TEST_F(Recordings, WorkWithoutGraphs) {
  log_.makes_graphs = false;
  const auto recording = record(memory());
  for (int i = 0; i < 3; ++i) expect_replay(*recording, memory(i));
  EXPECT_EQ(log_.graphs, 0);
}

TEST_F(Recordings, TellTheirGraphsOnlyWhatChanged) {
  const Memory one = memory(), two = memory();
  const auto recording = record(one);
  const auto run = [&](const Memory& m, int64_t number) {
    Memory with(m.x, m.y, number, 4);
    std::vector<graph::Check> checks;  // gone before the next run: its words lie where these did
    ASSERT_TRUE(recording->replay(with.run(), checks));
  };
  run(one, 3);
  run(two, 3);
  const int made = log_.made, told = log_.told;
  run(two, 3);
  EXPECT_EQ(log_.told, told);
  run(two, 5);
  EXPECT_EQ(log_.told, told + 1);  // the kernel
  EXPECT_EQ(log_.made, made);
}

TEST_F(Recordings, RefuseWhatTheyDoNotFit) {
  const Memory m = memory();
  const auto recording = record(m);
  std::vector<graph::Check> checks;
  EXPECT_FALSE(recording->replay(memory(3, 5).run(), checks));                // a number the host has read
  EXPECT_FALSE(recording->replay(Memory(m.x, m.y, 3, 4, 16).run(), checks));  // aligned otherwise
  EXPECT_TRUE(recording->replay(Memory(m.x, m.y, 3, 4, 256).run(), checks));
  // One block for both slots, and two.
  const auto shared = record(Memory(m.x, m.x, 3, 4, 256));
  EXPECT_FALSE(shared->replay(m.run(), checks));
  const BufferPtr other = gpu_.pool().allocate(1024);
  EXPECT_TRUE(shared->replay(Memory(other, other, 9, 4, 256).run(), checks));
  EXPECT_TRUE(recording->replay(Memory(m.x, m.x, 3, 4, 256).run(), checks));
  EXPECT_EQ(checks.size(), 3u);
}

TEST_F(Recordings, AreNotMadeOfAddressesNobodyDeclared) {
  const Memory m = memory();
  const BufferPtr foreign = gpu_.pool().allocate(64);
  const auto made = [&](const std::function<void(GpuBackend&)>& launch) {
    const auto recorder = gpu_.record(m.run());
    launch(gpu_);
    return recorder->finish({}) != nullptr;
  };
  EXPECT_TRUE(made([&](GpuBackend& gpu) { gpu.runtime().fill_zero(m.x->data, 8); }));
  EXPECT_FALSE(made([&](GpuBackend& gpu) { gpu.runtime().fill_zero(foreign->data, 8); }));
  EXPECT_FALSE(made([&](GpuBackend& gpu) {
    Arguments arguments;
    arguments.value(m.x->data);
    gpu.runtime().launch(this, {1, 1, 1}, {32, 1, 1}, arguments);
  }));
  EXPECT_FALSE(made([&](GpuBackend& gpu) { gpu.runtime().download(nullptr, m.x->data, 0); }));
  BufferPtr kept;
  EXPECT_FALSE(made([&](GpuBackend& gpu) { kept = gpu.pool().allocate(8); }));
}

}  // namespace
}  // namespace nngpu::gpu
