// Convolutions and both gradients, f32, against oneDNN.
//
//   convolution_bench [number of a layer]     (none: all of them)
//
// oneDNN runs three times: `blocked` in the layouts it chooses itself, with nothing brought there or back;
// `reordered` the same from and to row-major memory; `planes` with primitives that take row-major maps. The first
// is a bound that a library of row-major tensors cannot reach. Contenders take turns; a ratio is theirs to ours of
// medians and, after the slash, of best times.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <functional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend/cpu/convolution/problem.h"

namespace {

using nngpu::cpu::ConvolutionProblem;
using nngpu::graph::ConvolutionMode;
using Clock = std::chrono::steady_clock;
using Tag = dnnl::memory::format_tag;
using Arguments = std::unordered_map<int, dnnl::memory>;

struct Layer {
  const char* name;
  int64_t batch, in, size, out, kernel, stride, padding;
  int64_t result() const { return (size + 2 * padding - kernel) / stride + 1; }
};
const Layer kLayers[] = {
    {"LeNet 1-6 5x5", 128, 1, 28, 6, 5, 1, 2},         {"LeNet 6-16 5x5", 128, 6, 14, 16, 5, 1, 0},
    {"ResNet 3-64 3x3", 64, 3, 32, 64, 3, 1, 1},       {"ResNet 64-64 3x3", 64, 64, 32, 64, 3, 1, 1},
    {"ResNet 64-128 3x3/2", 64, 64, 32, 128, 3, 2, 1}, {"ResNet 64-128 1x1/2", 64, 64, 32, 128, 1, 2, 0},
    {"ResNet 128-128 3x3", 64, 128, 16, 128, 3, 1, 1}, {"ResNet 128-256 3x3/2", 64, 128, 16, 256, 3, 2, 1},
    {"ResNet 256-256 3x3", 64, 256, 8, 256, 3, 1, 1},  {"ResNet 256-512 3x3/2", 64, 256, 8, 512, 3, 2, 1},
    {"ResNet 512-512 3x3", 64, 512, 4, 512, 3, 1, 1},  {"Bottleneck 64-256 1x1", 16, 64, 32, 256, 1, 1, 0}};

struct Contender {
  std::string name;
  std::function<void()> run;
  std::vector<double> seconds = {};
};

void compete(const std::string& label, double flops, std::vector<Contender>& contenders) {
  for (int round = 0; round < 16; ++round)
    for (Contender& contender : contenders) {
      const auto start = Clock::now();
      contender.run();
      if (round > 0) contender.seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
  for (Contender& contender : contenders) std::sort(contender.seconds.begin(), contender.seconds.end());
  const std::vector<double>& ours = contenders[0].seconds;
  const double middle = ours[ours.size() / 2];
  std::printf("%-38s %9.3f ms %7.1f GF/s :", label.c_str(), middle * 1e3, flops / middle * 1e-9);
  for (size_t i = 1; i < contenders.size(); ++i) {
    const std::vector<double>& theirs = contenders[i].seconds;
    std::printf("  %s %.2f/%.2f", contenders[i].name.c_str(), theirs[theirs.size() / 2] / middle,
                theirs[0] / ours[0]);
  }
  std::printf("\n");
  std::fflush(stdout);
}

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

// A primitive with its memory, and the reorders between it and row-major memory that are wanted.
struct Peer {
  dnnl::primitive primitive;
  Arguments arguments;
  std::vector<std::pair<dnnl::memory, dnnl::memory>> before, after;
  dnnl::stream stream{engine()};

  // `outside` is row-major. `reorder`: whether the operand is brought from there, or back.
  void add(int argument, const dnnl::memory::desc& inside, dnnl::memory outside, bool result, bool reorder) {
    dnnl::memory memory(inside, engine());
    dnnl::reorder(outside, memory).execute(stream, outside, memory);
    stream.wait();
    arguments.insert({argument, memory});
    if (!reorder || inside == outside.get_desc()) return;
    (result ? after : before).push_back(result ? std::pair(memory, outside) : std::pair(outside, memory));
  }
  void run() {
    for (auto& [from, to] : before) dnnl::reorder(from, to).execute(stream, from, to);
    primitive.execute(stream, arguments);
    for (auto& [from, to] : after) dnnl::reorder(from, to).execute(stream, from, to);
    stream.wait();
  }
};

struct Operands {
  std::vector<float> x, w, y;
  explicit Operands(const Layer& l)
      : x(static_cast<size_t>(l.batch * l.in * l.size * l.size)),
        w(static_cast<size_t>(l.out * l.in * l.kernel * l.kernel)),
        y(static_cast<size_t>(l.batch * l.out * l.result() * l.result())) {
    std::mt19937 generator(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (auto* values : {&x, &w, &y})
      for (float& value : *values) value = uniform(generator);
  }
};

Peer make_peer(const Layer& l, ConvolutionMode mode, bool planes, bool reorder, Operands& o) {
  const dnnl::memory::dims x{l.batch, l.in, l.size, l.size}, w{l.out, l.in, l.kernel, l.kernel};
  const dnnl::memory::dims y{l.batch, l.out, l.result(), l.result()}, stride{l.stride, l.stride};
  const dnnl::memory::dims padding{l.padding, l.padding};
  const auto type = dnnl::memory::data_type::f32;
  const dnnl::memory::desc xs(x, type, planes ? Tag::nchw : Tag::any), ws(w, type, Tag::any),
      ys(y, type, planes ? Tag::nchw : Tag::any);
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const dnnl::memory xm({x, type, Tag::nchw}, engine(), o.x.data()),
      wm({w, type, Tag::oihw}, engine(), o.w.data()), ym({y, type, Tag::nchw}, engine(), o.y.data());
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm, xs, ws, ys, stride, padding, padding}, engine());
  Peer peer;
  if (mode == ConvolutionMode::Forward) {
    peer.primitive = dnnl::convolution_forward(forward);
    peer.add(DNNL_ARG_SRC, forward.src_desc(), xm, false, reorder);
    peer.add(DNNL_ARG_WEIGHTS, forward.weights_desc(), wm, false, reorder);
    peer.add(DNNL_ARG_DST, forward.dst_desc(), ym, true, reorder);
  } else if (mode == ConvolutionMode::InputGradient) {
    const dnnl::convolution_backward_data::primitive_desc backward(
        {algorithm, xs, ws, ys, stride, padding, padding}, engine(), forward);
    peer.primitive = dnnl::convolution_backward_data(backward);
    peer.add(DNNL_ARG_DIFF_DST, backward.diff_dst_desc(), ym, false, reorder);
    peer.add(DNNL_ARG_WEIGHTS, backward.weights_desc(), wm, false, reorder);
    peer.add(DNNL_ARG_DIFF_SRC, backward.diff_src_desc(), xm, true, reorder);
  } else {
    const dnnl::convolution_backward_weights::primitive_desc backward(
        {algorithm, xs, ws, ys, stride, padding, padding}, engine(), forward);
    peer.primitive = dnnl::convolution_backward_weights(backward);
    peer.add(DNNL_ARG_SRC, backward.src_desc(), xm, false, reorder);
    peer.add(DNNL_ARG_DIFF_DST, backward.diff_dst_desc(), ym, false, reorder);
    peer.add(DNNL_ARG_DIFF_WEIGHTS, backward.diff_weights_desc(), wm, true, reorder);
  }
  return peer;
}

const char* mode_name(ConvolutionMode mode) {
  return mode == ConvolutionMode::Forward ? "forward" : mode == ConvolutionMode::InputGradient ? "by x" : "by w";
}

bool differ(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(double(a[i]) - double(b[i])));
    largest = std::max(largest, std::abs(double(b[i])));
  }
  return !(worst <= 1e-4 * largest);
}

void run_layer(const Layer& l) {
  const nngpu::graph::ConvolutionParams params{
      ConvolutionMode::Forward, 1,     {l.stride, l.stride}, {1, 1}, {l.padding, l.padding},
      {l.padding, l.padding},   {0, 0}};
  const ConvolutionProblem problem(params, {l.batch, l.in, l.size, l.size}, {l.out, l.in, l.kernel, l.kernel},
                                   {l.batch, l.out, l.result(), l.result()});
  const double flops = 2.0 * double(l.batch * l.out * l.result() * l.result() * l.in * l.kernel * l.kernel);
  for (ConvolutionMode mode :
       {ConvolutionMode::Forward, ConvolutionMode::InputGradient, ConvolutionMode::WeightGradient}) {
    Operands ours(l), theirs(l);
    Peer blocked = make_peer(l, mode, false, false, theirs), reordered = make_peer(l, mode, false, true, theirs),
         planes = make_peer(l, mode, true, true, theirs);
    std::vector<Contender> contenders;
    contenders.push_back({"nngpu", [&] {
                            float *x = ours.x.data(), *w = ours.w.data(), *y = ours.y.data();
                            if (mode == ConvolutionMode::Forward)
                              return nngpu::cpu::convolve<float>(problem, x, w, y);
                            if (mode == ConvolutionMode::InputGradient)
                              return nngpu::cpu::convolve_input_gradient<float>(problem, y, w, x);
                            nngpu::cpu::convolve_weight_gradient<float>(problem, x, y, w);
                          }});
    contenders.push_back({"blocked", [&] { blocked.run(); }});
    contenders.push_back({"planes", [&] { planes.run(); }});
    contenders.push_back({"reordered", [&] { reordered.run(); }});
    compete(std::string(l.name) + " " + mode_name(mode), flops, contenders);
    if (differ(ours.x, theirs.x) || differ(ours.w, theirs.w) || differ(ours.y, theirs.y))
      std::printf("  RESULTS DIFFER\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int count = static_cast<int>(sizeof(kLayers) / sizeof(kLayers[0]));
  const int only = argc > 1 ? std::atoi(argv[1]) : -1;
  for (int i = 0; i < count; ++i)
    if (only < 0 || only == i) run_layer(kLayers[i]);
}
