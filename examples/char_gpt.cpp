// A language model of characters: a small GPT learns to continue a text, and writes some of its own.
//   example_char_gpt [file [steps]]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "nngpu/nngpu.h"

namespace ng = nngpu;
namespace nn = nngpu::nn;
namespace optim = nngpu::optim;

namespace {

constexpr int64_t kContext = 32, kBatch = 16;

constexpr const char* kText =
    "The lighthouse keeper wrote down the weather every morning. Wind from the west, rain before noon. "
    "Wind from the north, clear until evening. When there was no wind at all he wrote that, too, and looked at "
    "the "
    "sea for a while. In the evening he lit the lamp and wrote down the hour. The ships went by at night. "
    "He did not know their names, but he knew the hour when each of them went by, and he wrote that down as well. "
    "One morning there was no ink. The keeper looked at the sea for a while. Wind from the west, he said, and "
    "rain "
    "before noon. He said it every morning until the boat came with the ink. Then he wrote it all down, every "
    "morning "
    "and every evening, the wind and the rain, the lamp and the ships, and the hour of each of them. "
    "Nobody had read the book, and the keeper had not either. But when the wind was from the north, and the "
    "evening "
    "was clear, and the ships went by at night, he knew that it was all in there. ";

// Characters as numbers: the index of each in the list of those that occur.
struct Alphabet {
  std::string characters;
  explicit Alphabet(const std::string& text) {
    bool occurs[256] = {};
    for (char c : text) occurs[static_cast<unsigned char>(c)] = true;
    for (int c = 0; c < 256; ++c) {
      if (occurs[c]) characters += static_cast<char>(c);
    }
  }
  int64_t size() const { return static_cast<int64_t>(characters.size()); }
  std::vector<int64_t> encode(const std::string& text) const {
    std::vector<int64_t> tokens;
    for (char c : text) tokens.push_back(static_cast<int64_t>(characters.find(c)));
    return tokens;
  }
};

// Continues `text`, a character at a time, each drawn from the model's distribution at this temperature.
std::string sample(const nn::models::Gpt& model, const Alphabet& alphabet, std::string text, int count,
                   double temperature) {
  model.eval();
  // The window is filled from the left. What stands right of the last character does not count: attention is
  // causal.
  const auto next = ng::compile([&](const ng::Tensor& window, const ng::Tensor& last) {
    const ng::NoGrad none;
    const ng::Tensor logits = ng::take(ng::index(model(window), 0, 0), last, 0) / temperature;
    return ng::argmax(logits - ng::log(-ng::log(ng::rand(logits.shape()))));  // the Gumbel-max trick
  });
  for (int i = 0; i < count; ++i) {
    const auto length = std::min<int64_t>(static_cast<int64_t>(text.size()), kContext);
    std::vector<int64_t> window = alphabet.encode(text.substr(text.size() - static_cast<size_t>(length)));
    window.resize(kContext, 0);
    const ng::Tensor drawn =
        next(ng::Tensor::from_vector(window, {1, kContext}), ng::Tensor::from_vector<int64_t>({length - 1}, {1}));
    text += alphabet.characters[static_cast<size_t>(drawn.item<int64_t>())];
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  std::string text = kText;
  if (argc > 1) {
    std::ifstream file(argv[1], std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  const int steps = argc > 2 ? std::atoi(argv[2]) : 500;
  if (text.size() < 2 * kContext) {
    std::fprintf(stderr, "a text of at least %d characters is needed\n", static_cast<int>(2 * kContext));
    return 2;
  }

  ng::manual_seed(0);
  const Alphabet alphabet(text);
  const auto count = static_cast<int64_t>(text.size());
  const ng::Tensor tokens = ng::Tensor::from_vector(alphabet.encode(text), {count});
  const auto model =
      nn::models::gpt({.vocabulary = alphabet.size(), .context = kContext, .layers = 2, .heads = 4, .size = 64});
  optim::AdamW optimizer(model.parameters(), {.lr = 6e-3, .weight_decay = 0.1});
  optim::OneCycleLR schedule(optimizer, {.total_steps = steps + 1, .pct_start = 0.1});

  // Batches are drawn inside: windows of the text at random places, and the same moved by one character.
  const auto step = ng::compile([&](const ng::Tensor& all) {
    const ng::Tensor places = ng::randint(0, count - kContext, {kBatch, 1}) + ng::arange_int(0, kContext);
    const ng::Tensor logits = model(ng::take(all, places));
    const ng::Tensor loss = nn::cross_entropy(ng::flatten(logits, 0, 1), ng::flatten(ng::take(all, places + 1)));
    ng::backward(loss);
    optim::clip_grad_norm_(model.parameters(), 1.0);
    optimizer.step();
    optimizer.zero_grad();
    return loss;
  });

  const double uniform = std::log(static_cast<double>(alphabet.size()));
  std::printf("%lld characters, %lld different ones, %lld parameters; a uniform guess has loss %.3f\n",
              static_cast<long long>(count), static_cast<long long>(alphabet.size()),
              static_cast<long long>(model.parameter_count()), uniform);
  double average = uniform;
  for (int i = 0; i < steps; ++i) {
    const ng::Tensor loss = step(tokens);
    schedule.step();
    average += 0.1 * (loss.item<double>() - average);
    if (i % 50 == 49) std::printf("step %4d  loss %.3f\n", i + 1, average);
  }
  std::printf("%s\n", sample(model, alphabet, text.substr(0, kContext), 200, 0.7).c_str());
  return average < 0.3 * uniform ? 0 : 1;
}
