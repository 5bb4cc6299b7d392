// Plans that are run again: recorded once, then submitted with other memory and other numbers.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "backend/gpu/devices.h"
#include "nngpu/nngpu.h"

namespace nngpu {
namespace {

const Device kSim{DeviceType::Sim, 0};

Tensor random_matrix(int64_t n, unsigned seed, Device device = kSim) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<size_t>(n * n));
  for (float& value : values) value = uniform(generator);
  return Tensor::from_vector(values, {n, n}, device);
}

Tensor positions(const std::vector<int64_t>& values, Device device = kSim) {
  return Tensor::from_vector(values, {static_cast<int64_t>(values.size())}, device);
}

gpu::Activity since(const gpu::Activity& before) {
  const gpu::Activity now = gpu::activity(kSim);
  return {now.kernels - before.kernels, now.uploads - before.uploads, now.downloads - before.downloads,
          now.graphs - before.graphs, now.replays - before.replays};
}

std::vector<float> values(const Tensor& x) { return x.to_vector<float>(); }

// Kernels that each read what the one before wrote, and that cannot be fused.
Tensor chain(const Tensor& x, const Tensor& w, int steps) {
  Tensor y = x;
  for (int i = 0; i < steps; ++i) y = i % 2 == 0 ? matmul(y, w) : softmax(y, 1);
  return y;
}

TEST(Replay, AChainOfKernelsIsOneGraph) {
  const Tensor x = random_matrix(8, 1), w = random_matrix(8, 2);
  const auto f = compile([](const Tensor& a, const Tensor& b) { return chain(a, b, 200); });
  const std::vector<float> first = values(f(x, w));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(values(f(x, w)), first);
  const gpu::Activity before = gpu::activity(kSim);
  const Tensor y = f(x, w);
  const gpu::Activity done = since(before);
  EXPECT_EQ(done.graphs, 1);
  EXPECT_EQ(done.replays, 1);
  EXPECT_EQ(done.kernels, 200);
  EXPECT_EQ(done.uploads + done.downloads, 0);
  EXPECT_EQ(values(y), first);
}

TEST(Replay, TakesOtherInputsAndKeepsEarlierResults) {
  const auto body = [](const Tensor& a, const Tensor& b) {
    const Tensor y = chain(a, b, 6);
    return std::pair{sum(y * 3 + a, 0), concatenate({cumsum(y, 1), transpose(a)}, 0)};
  };
  const auto f = compile(body);
  std::vector<std::pair<Tensor, Tensor>> held;
  for (unsigned i = 0; i < 12; ++i) held.push_back(f(random_matrix(9, i), random_matrix(9, 100 + i % 3)));
  for (unsigned i = 0; i < 12; ++i) {
    const auto fresh = compile(body)(random_matrix(9, i), random_matrix(9, 100 + i % 3));  // unrecorded
    EXPECT_EQ(values(held[i].first), values(fresh.first)) << i;
    EXPECT_EQ(values(held[i].second), values(fresh.second)) << i;
  }
}

// Inputs that lie elsewhere in their blocks, or in one block, where they did not before.
TEST(Replay, TakesViews) {
  const auto f = compile([](const Tensor& a, const Tensor& b) { return softmax(a, 0) * 2 + b; });
  const Tensor x = random_matrix(20, 3);
  const auto part = [&](int64_t from) { return slice(x, 0, from, from + 4).eval(); };
  for (int round = 0; round < 3; ++round)
    for (const auto& [a, b] : {std::pair{0, 8}, {8, 0}, {3, 3}, {1, 16}, {4, 5}}) {
      const Tensor expected = softmax(part(a).to({}), 0) * 2 + part(b).to({});
      const auto found = values(f(part(a), part(b))), right = values(expected);
      for (size_t i = 0; i < right.size(); ++i) ASSERT_NEAR(found[i], right[i], 1e-6) << a << " " << b;
    }
}

TEST(Replay, NumbersAreReplacedInUncompiledPlans) {
  const Tensor x = random_matrix(7, 4).eval(), on_host = x.to({});
  const gpu::Activity before = gpu::activity(kSim);
  for (int i = 0; i < 8; ++i) {
    const float number = 0.5f + static_cast<float>(i);
    const auto body = [&](const Tensor& a) { return cumsum(a * number + i, 0) - softmax(a, 1) * (number / 3); };
    const auto found = values(body(x)), right = values(body(on_host));
    for (size_t k = 0; k < right.size(); ++k) ASSERT_NEAR(found[k], right[k], 1e-4) << i;
    const Tensor filled = full({3}, i, DType::I64, kSim), counted = arange(i, i + 4, 1, DType::I64, kSim);
    EXPECT_EQ((filled * filled).to_vector<int64_t>(), std::vector<int64_t>(3, int64_t{i} * i));
    EXPECT_EQ(counted.to_vector<int64_t>(), (std::vector<int64_t>{i, i + 1, i + 2, i + 3}));
  }
  EXPECT_GE(since(before).replays, 5);
}

TEST(Replay, RandomNumbersAdvance) {
  Generator here(11), there(11);
  const auto body = [](Generator& generator, Device device) {
    set_default_device(device);
    return compile([&generator](const Tensor& x) {
      return std::pair{cumsum(x + rand(x.shape(), DType::F32, generator), 0),
                       randn({5}, DType::F32, generator) * 2};
    });
  };
  const auto on_host = body(here, {});
  const auto on_sim = body(there, kSim);
  const Tensor x = random_matrix(5, 5);
  std::vector<std::pair<Tensor, Tensor>> found;
  for (int i = 0; i < 6; ++i) found.push_back(on_sim(x));
  set_default_device({});
  for (int i = 0; i < 6; ++i) {
    const auto right = on_host(x.to({}));
    const auto a = values(found[i].first), b = values(right.first);
    for (size_t k = 0; k < a.size(); ++k) ASSERT_NEAR(a[k], b[k], 1e-5) << i;
    const auto c = values(found[i].second), d = values(right.second);
    for (size_t k = 0; k < c.size(); ++k) ASSERT_NEAR(c[k], d[k], 1e-5) << i;
  }
}

// The limits of a distribution are no arguments of the kernel but what the launch makes of them.
TEST(Replay, NumbersThatLaunchesComputeWithAreSeen) {
  for (int i = 0; i < 8; ++i) {
    const double low = i / 2 - 3, high = i / 3 + 1;
    set_default_device(kSim);
    const Tensor on_sim = uniform({6}, low, high, DType::F32, Generator(3));
    set_default_device({});
    EXPECT_EQ(values(on_sim), values(uniform({6}, low, high, DType::F32, Generator(3)))) << i;
  }
}

TEST(Replay, UpdatesVariablesInPlaceAndNotUnderHeldValues) {
  Variable on_sim(random_matrix(6, 6)), on_host(random_matrix(6, 6, {}));
  const auto step = [](Variable& v) {
    return compile([&v](const Tensor& x) {
      v.assign(v.value() * 0.5 + x);
      return sum(v.value());
    });
  };
  const auto sim_step = step(on_sim), host_step = step(on_host);
  Tensor held;
  std::vector<float> then;
  for (unsigned i = 0; i < 12; ++i) {
    if (i % 4 == 2) {
      held = on_sim.value();
      then = values(held);
    }
    EXPECT_NEAR(sim_step(random_matrix(6, 20 + i)).item<float>(),
                host_step(random_matrix(6, 20 + i, {})).item<float>(), 1e-4);
    EXPECT_EQ(values(on_sim.value()), values(on_host.value()));
    if (held.defined()) {
      EXPECT_EQ(values(held), then);
    }
    if (i % 4 == 3) held = {};
  }
}

TEST(Replay, ErrorsOfValuesBelongToTheirRun) {
  const auto f = compile([](const Tensor& a) { return linalg::inverse(a) * 2; });
  std::vector<Tensor> results;
  const Tensor good = eye(4, -1, 0, DType::F32, kSim) * 4, singular = zeros({4, 4}, DType::F32, kSim);
  const auto is_bad = [](int i) { return i == 1 || i == 4 || i == 5; };
  for (int i = 0; i < 8; ++i) {
    const Tensor& input = is_bad(i) ? singular : good;
    results.push_back(f(input));
  }
  for (int i = 7; i >= 0; --i) {
    EXPECT_TRUE(results[i].is_ready());
    if (is_bad(i)) {
      EXPECT_THROW(results[i].to_vector<float>(), SingularMatrixError) << i;
      EXPECT_THROW(results[i].eval(), SingularMatrixError) << i;
    } else {
      EXPECT_EQ(values(results[i]), values(eye(4) * 0.5)) << i;
    }
  }
}

TEST(Replay, HoldsNoMemory) {
  const int64_t before = memory_stats(kSim).in_use;
  {
    const Tensor x = random_matrix(33, 7);
    const auto f = compile([](const Tensor& a) {
      return std::pair{sum(sort(a, 1)) + sum(softmax(a, 0), 0),
                       linalg::inverse(a + eye(33, -1, 0, DType::F32, kSim) * 40)};
    });
    const auto first = f(x);
    const auto second = f(x);  // recorded
    const int64_t held = memory_stats(kSim).in_use;
    for (int i = 0; i < 3; ++i) {
      const auto next = f(x);
      EXPECT_EQ(values(next.first), values(first.first));
      EXPECT_EQ(values(next.second), values(second.second));
    }
    EXPECT_LE(memory_stats(kSim).in_use, held);
  }
  EXPECT_LE(memory_stats(kSim).in_use, before);
}

TEST(Replay, IsTriedAgainWhereMemoryWasMissing) {
  const Tensor x = rand({1 << 15}, DType::F32).to(kSim);
  const auto f = compile([](const Tensor& a) { return sort(softmax(a, 0), 0); });
  const auto right = values(f(x));
  for (int run = 0; run < 4; ++run) {  // the second would be recorded, later ones replayed
    trim_memory(kSim);
    for (const int64_t room : {0, 1 << 17, 1 << 18}) {
      set_memory_limit(memory_stats(kSim).in_use + room, kSim);
      EXPECT_THROW(f(x), OutOfMemoryError) << run << " " << room;
      set_memory_limit(0, kSim);
    }
    EXPECT_EQ(values(f(x)), right) << run;
  }
}

TEST(Replay, ThreadsShareOnePlan) {
  const auto f = compile([](const Tensor& a, const Tensor& b) { return chain(a, b, 8); });
  const Tensor w = random_matrix(8, 50);
  std::vector<std::vector<float>> right;
  for (unsigned i = 0; i < 4; ++i) right.push_back(values(chain(random_matrix(8, i), w, 8)));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const Tensor x = random_matrix(8, t);
      Tensor held = f(x, w);
      for (int i = 0; i < 20; ++i) {
        const Tensor next = f(x, w);
        if (values(held) != right[t] || values(next) != right[t]) ++wrong;
        held = next;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Deferred, NobodyWaitsBeforeTheRead) {
  const Tensor x = random_matrix(5, 8).eval(), at = positions({0, 4, 2}).eval();
  const gpu::Activity before = gpu::activity(kSim);
  const Tensor y = take(x, at, 0), z = y * 2;
  start_eval({y});
  start_eval({z});
  EXPECT_TRUE(z.is_ready());
  EXPECT_EQ(since(before).downloads, 0);
  EXPECT_EQ(values(z)[5], 2 * values(x)[20]);
}

TEST(Deferred, ErrorsReachWhatLaterPlansCompute) {
  const Tensor x = random_matrix(5, 9).eval();
  const Tensor bad = take(x, positions({0, 5}), 0), fine = take(x, positions({0, 4}), 0);
  start_eval({bad, fine});
  const Tensor later = softmax(bad, 1) + 1, apart = softmax(fine, 1), both = concatenate({later, apart}, 0);
  start_eval({later, apart});
  start_eval({both});
  const auto f = compile([](const Tensor& a) { return std::pair{a * 2, a}; });
  const auto compiled = f(later), good = f(apart);
  EXPECT_TRUE(both.is_ready());
  for (int time = 0; time < 2; ++time) {
    EXPECT_THROW(both.eval(), IndexError);
    EXPECT_THROW(values(compiled.first), IndexError);
    EXPECT_THROW(values(compiled.second), IndexError);
    EXPECT_THROW(values(later), IndexError);
    EXPECT_THROW(values(bad), IndexError);
    EXPECT_NO_THROW(values(fine));
    EXPECT_NO_THROW(values(apart));
    EXPECT_NO_THROW(values(good.first));
  }
  EXPECT_THROW(f(later), IndexError);  // known by now
  EXPECT_THROW((both + 1).eval(), IndexError);
  EXPECT_THROW(bad.to({}), IndexError);
}

TEST(Deferred, VariablesOfFailedRunsFail) {
  Variable v(random_matrix(4, 10));
  const auto step = compile([&](const Tensor& at) {
    v.assign(take(v.value(), at, 0) + 1);
    return sum(v.value());
  });
  const Tensor order = positions({3, 2, 1, 0}), outside = positions({3, 2, 1, 4});
  EXPECT_NO_THROW(step(order).item<float>());
  const Tensor failed = step(outside), after = step(order), last = step(order);
  EXPECT_THROW(last.item<float>(), IndexError);
  EXPECT_THROW(values(v.value()), IndexError);
  EXPECT_THROW(failed.item<float>(), IndexError);
  EXPECT_THROW(step(order), IndexError);
  v.assign(random_matrix(4, 10));
  EXPECT_NEAR(step(order).item<float>(), sum(random_matrix(4, 10) + 1).item<float>(), 1e-4);
}

// Many runs whose errors nobody asks for: they neither pile up nor are they lost.
TEST(Deferred, LongChainsOfRuns) {
  for (const bool fails : {false, true}) {
    const Tensor same = positions({0, 1, 2, 3, 4}).eval();
    Tensor x = take(random_matrix(5, 12), fails ? positions({0, 1, 2, 3, 9}) : same, 0);
    start_eval({x});
    const int64_t before = memory_stats(kSim).in_use;
    for (int i = 0; i < 1000; ++i) {
      x = take(x, same, 0);
      start_eval({x});
    }
    EXPECT_LE(memory_stats(kSim).in_use - before, 4 << 20);
    if (fails)
      EXPECT_THROW(values(x), IndexError);
    else
      EXPECT_EQ(values(x), values(random_matrix(5, 12)));
  }
}

TEST(Deferred, RecipesOfFailedValuesFail) {
  const Tensor x = random_matrix(5, 13).eval();
  const Tensor bad = take(x, positions({7}), 0);
  const Tensor recipe = bad + 1, read = sum(recipe);
  start_eval({bad, read});
  EXPECT_THROW(values(recipe), IndexError);
  EXPECT_THROW(read.item<float>(), IndexError);
  EXPECT_EQ(values(x * 1), values(x));
}

}  // namespace
}  // namespace nngpu
