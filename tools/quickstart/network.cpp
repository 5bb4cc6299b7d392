#include "quickstart/network.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>

#include "nngpu/nngpu.h"
#include "quickstart/format.h"
#include "quickstart/progress.h"

namespace nngpu::tool::quickstart {
namespace {

constexpr int64_t kSide = 8;

nn::Sequential make_network(const Generator& generator) {
  const auto convolution = [&](int64_t in, int64_t out) {
    return nn::Conv2d(in, out, {.kernel = 3, .padding = 1, .bias = false, .generator = generator});
  };
  return nn::Sequential(convolution(1, 16), nn::BatchNorm2d(16), nn::ReLU(),                     //
                        convolution(16, 32), nn::BatchNorm2d(32), nn::ReLU(), nn::MaxPool2d(2),  //
                        convolution(32, 64), nn::BatchNorm2d(64), nn::ReLU(), nn::MaxPool2d(2),  //
                        nn::Flatten(), nn::Dropout(0.2, generator),
                        nn::Linear(64 * 4, kClasses, {.generator = generator}));
}

// Each image moved by up to one pixel in both directions; what comes in is black.
Tensor shifted(const Tensor& images, const Generator& generator) {
  const int64_t n = images.size(0), wide = kSide + 2;
  const Tensor framed = reshape(pad(images, {{0, 0}, {0, 0}, {1, 1}, {1, 1}}), {n, wide * wide});
  const Tensor corner =
      randint(0, 3, {n, 1, 1}, DType::I64, generator) * wide + randint(0, 3, {n, 1, 1}, DType::I64, generator);
  const Tensor pixels = expand_dims(arange_int(0, kSide) * wide, 1) + arange_int(0, kSide);
  return reshape(gather(framed, reshape(corner + pixels, {n, kSide * kSide}), 1), {n, 1, kSide, kSide});
}

struct Samples {
  Tensor images, labels;
};

Samples samples_of(const Digits& digits, const std::vector<int64_t>& rows) {
  const auto count = static_cast<int64_t>(rows.size());
  std::vector<int64_t> labels;
  for (int64_t i : rows) labels.push_back(digits.labels[static_cast<size_t>(i)]);
  const Tensor pixels = take(digits.pixels.tensor(), Tensor::from_vector(rows, {count}), 0);
  Samples samples{reshape(pixels, {count, 1, kSide, kSide}), Tensor::from_vector(labels, {count})};
  eval({samples.images, samples.labels});
  return samples;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TrainedSplit train(const Samples& training, const Samples& held_out, uint64_t seed, int epochs,
                   Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  Generator generator(seed);
  const nn::Sequential network = make_network(generator);
  const int64_t count = training.labels.size(0), batches = std::max<int64_t>(1, count / kBatch);
  optim::AdamW optimizer(network.parameters(), {.lr = 1e-2, .weight_decay = 1e-2});
  optim::OneCycleLR schedule(optimizer, {.total_steps = epochs * batches + 1});

  const auto step = compile([=](const Tensor& images, const Tensor& labels) mutable {
    const Tensor loss = nn::cross_entropy(network(shifted(images, generator)), labels);
    backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  });
  // Traced after eval(): a compiled function keeps the mode of its trace.
  const auto accuracy = compile([network](const Tensor& images, const Tensor& labels) {
    const NoGrad none;
    return mean(cast(argmax(network(images), 1) == labels, DType::F32));
  });

  TrainedSplit result;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    network.train();
    const Tensor order = permutation(count, generator);
    std::vector<Tensor> losses;
    for (int64_t i = 0; i < batches; ++i) {
      const Tensor rows = slice(order, 0, i * kBatch, std::min(count, (i + 1) * kBatch));
      losses.push_back(step(take(training.images, rows, 0), take(training.labels, rows, 0)));
      schedule.step();
    }
    network.eval();
    const Tensor right = accuracy(held_out.images, held_out.labels), loss = mean(stack(losses));
    result.losses.push_back(loss.item<double>());
    result.accuracies.push_back(right.item<double>());
    progress.advance(format("network %d, epoch %d of %d: loss %.4f, held-out accuracy %.4f",
                            static_cast<int>(seed) + 1, epoch + 1, epochs, result.losses.back(),
                            result.accuracies.back()));
  }
  result.seconds = seconds_since(start);
  progress.line(format("network %d: held-out accuracy %.4f after %d epochs, %.1f s", static_cast<int>(seed) + 1,
                       result.accuracies.back(), epochs, result.seconds));
  return result;
}

// Runs work(0), ..., work(count - 1). On the CPU as many at a time as there are threads, each on one: the launches
// of so small a network are too short to share.
void on_every_core(size_t count, const std::function<void(size_t)>& work) {
  const int threads = num_threads();
  const bool cpu = default_device().type == DeviceType::CPU;
  const size_t workers = cpu ? std::min(count, static_cast<size_t>(threads)) : 1;
  std::atomic<size_t> next = 0;
  if (cpu) set_num_threads(1);
  std::vector<std::future<void>> running;
  for (size_t i = 0; i < workers; ++i) {
    running.push_back(std::async(std::launch::async, [&] {
      for (size_t k = next++; k < count; k = next++) work(k);
    }));
  }
  for (auto& worker : running) worker.wait();
  set_num_threads(threads);
  for (auto& worker : running) worker.get();
}

}  // namespace

Training train_networks(const Digits& digits, const std::vector<Split>& splits, int epochs) {
  const auto start = std::chrono::steady_clock::now();
  Training training;
  training.epochs = epochs;
  training.parameters = make_network(Generator()).parameter_count();
  training.splits.resize(splits.size());
  Progress progress(static_cast<int64_t>(splits.size()) * epochs);
  const auto train_split = [&](size_t i) {
    training.splits[i] =
        train(samples_of(digits, splits[i].train), samples_of(digits, splits[i].test), i, epochs, progress);
  };
  on_every_core(splits.size(), train_split);
  for (const TrainedSplit& split : training.splits)
    training.mean_accuracy += split.accuracies.back() / static_cast<double>(splits.size());
  training.seconds = seconds_since(start);
  return training;
}

}  // namespace nngpu::tool::quickstart
