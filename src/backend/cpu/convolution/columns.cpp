#include "backend/cpu/convolution/columns.h"

#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/convolution/columns.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

int64_t divide_up(int64_t a, int64_t b) { return a <= 0 ? 0 : (a + b - 1) / b; }

// The elements of a vector that lie in [low, high), read from `from` on; zero elsewhere.
template <class D, class T = hn::TFromD<D>>
class Reader {
 public:
  HWY_INLINE Reader(int64_t low, int64_t high)
      : low_(low),
        high_(std::max(low, high)),
        mask_(hn::And(hn::FirstN(D(), static_cast<size_t>(high_)),
                      hn::Not(hn::FirstN(D(), static_cast<size_t>(low_))))),
        whole_(low_ == 0 && high_ == static_cast<int64_t>(hn::Lanes(D()))) {}

  HWY_INLINE hn::Vec<D> operator()(const T* from) const {
    const D d;
    if (whole_) return hn::LoadU(d, from);
#if HWY_MEM_OPS_MIGHT_FAULT
    alignas(64) T buffer[64 / sizeof(T)] = {};
    for (int64_t i = low_; i < high_; ++i) buffer[i] = from[i];
    return hn::Load(d, buffer);
#else
    return hn::MaskedLoad(mask_, d, from);
#endif
  }

 private:
  int64_t low_, high_;
  hn::Mask<D> mask_;
  bool whole_;
};

// Which elements [low, high) of a piece lie in their row of the source for one tap.
struct Inside {
  int64_t low, high;
  HWY_INLINE Inside(const Gather& g, const Piece& piece, const Tap& tap) : low(0), high(0) {
    const int64_t row = piece.row + tap.down, column = piece.column + tap.right;
    if (row < 0 || row >= g.height) return;
    low = std::min(piece.count, divide_up(-column, g.step[1]));
    high = std::max(low, std::min(piece.count, divide_up(g.width - column, g.step[1])));
  }
};

// The elements of one piece and tap, of `channels` planes.
template <class T>
HWY_INLINE void gather_piece(const Gather& g, const Piece& piece, const Tap& tap, int64_t channels,
                             const T* source, T* out, int64_t width) {
  const hn::ScalableTag<T> d;
  [[maybe_unused]] const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t plane = g.channel_step;
  const Inside inside(g, piece, tap);
  if (inside.low == inside.high) {
    for (int64_t c = 0; c < channels; ++c) hn::StoreU(hn::Zero(d), d, out + c * width);
    return;
  }
  const T* from = source + piece.image + (piece.row + tap.down) * g.width + piece.column + tap.right;
  if (g.step[1] == 1) {
    const Reader<decltype(d)> read(inside.low, inside.high);
    for (int64_t c = 0; c < channels; ++c) hn::StoreU(read(from + c * plane), d, out + c * width);
#if HWY_TARGET != HWY_SCALAR
  } else if (g.step[1] == 2) {
    // Every other element of two vectors.
    const int64_t low = 2 * inside.low, high = 2 * inside.high - 1;
    const Reader<decltype(d)> first(std::min(low, lanes), std::min(high, lanes));
    const Reader<decltype(d)> second(std::max<int64_t>(low - lanes, 0), std::max<int64_t>(high - lanes, 0));
    for (int64_t c = 0; c < channels; ++c) {
      const T* at = from + c * plane;
      hn::StoreU(hn::ConcatEven(d, second(at + lanes), first(at)), d, out + c * width);
    }
#endif
  } else {
    for (int64_t c = 0; c < channels; ++c) {
      T* to = out + c * width;
      hn::StoreU(hn::Zero(d), d, to);
      for (int64_t i = inside.low; i < inside.high; ++i) to[i] = from[c * plane + i * g.step[1]];
    }
  }
}

// The same where nothing lies beside the source.
template <class T>
HWY_INLINE void gather_inside(const Gather& g, const Piece* pieces, int64_t count, const T* source, T* out) {
  const hn::ScalableTag<T> d;
#if HWY_TARGET != HWY_SCALAR
  if (g.step[1] == 2) {
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i < count; ++i) {
      const T* from = source + pieces[i].place;
      hn::StoreU(hn::ConcatEven(d, hn::LoadU(d, from + lanes), hn::LoadU(d, from)), d, out + pieces[i].at);
    }
    return;
  }
#endif
  if (g.step[1] == 1) {
    for (int64_t i = 0; i < count; ++i) hn::StoreU(hn::LoadU(d, source + pieces[i].place), d, out + pieces[i].at);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const T* from = source + pieces[i].place;
    for (int64_t j = 0; j < pieces[i].count; ++j) out[pieces[i].at + j] = from[j * g.step[1]];
  }
}

template <class T>
void gather(const Gather& g, const Piece* pieces, int64_t count, const T* source, int64_t begin, int64_t end,
            T* out, int64_t width) {
  for (int64_t term = begin; term < end;) {
    const int64_t channel = term % g.channels, channels = std::min(g.channels - channel, end - term);
    const Tap& tap = g.taps[static_cast<size_t>(term / g.channels)];
    term += channels;
    if (g.inside) {
      const T* from = source + tap.down * g.width + tap.right;
      for (int64_t c = channel; c < channel + channels; ++c, out += width)
        gather_inside(g, pieces, count, from + c * g.channel_step, out);
      continue;
    }
    for (int64_t i = 0; i < count; ++i)
      gather_piece(g, pieces[i], tap, channels, source + channel * g.channel_step, out + pieces[i].at, width);
    out += channels * width;
  }
}

template <class T>
void plane(const Gather& g, const T* source, const T* weights, T* out) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t row = 0; row < g.rows; ++row)
    for (int64_t column = 0; column < g.columns; column += lanes) {
      const Piece piece{0, row * g.step[0], column * g.step[1], std::min(lanes, g.columns - column), 0, 0};
      auto sum = hn::Zero(d);
      alignas(64) T values[64 / sizeof(T)];
      for (const Tap& tap : g.taps) {
        gather_piece(g, piece, tap, 1, source, values, 0);
        sum = hn::MulAdd(hn::Load(d, values), hn::Set(d, weights[tap.index]), sum);
      }
      T* to = out + row * g.columns + column;
      if (piece.count == lanes) {
        hn::StoreU(sum, d, to);
      } else {
        hn::Store(sum, d, values);
        for (int64_t i = 0; i < piece.count; ++i) to[i] = values[i];
      }
    }
}

template <class T>
ColumnKernels<T> make_columns() {
  return {static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>())), &gather<T>, &plane<T>};
}

ColumnKernels<float> float_columns() { return make_columns<float>(); }
ColumnKernels<double> double_columns() { return make_columns<double>(); }

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {

namespace {
constexpr int64_t kFewChannels = 32;
constexpr int64_t kPaddedSlack = 64;  // four vectors of the longest kind
}  // namespace

template <class T>
const T* padded_source(Gather& g, int64_t images, const T* source, ScratchFrame& scratch) {
  if (g.channels > kFewChannels || g.taps.size() < 2) return source;
  int64_t top = 0, left = 0, height = 1, width = 1;
  for (const Tap& tap : g.taps) top = std::max(top, -tap.down), left = std::max(left, -tap.right);
  for (Tap& tap : g.taps) {
    tap.down += top, tap.right += left;
    height = std::max(height, (g.rows - 1) * g.step[0] + tap.down + 1);
    width = std::max(width, (g.columns - 1) * g.step[1] + tap.right + 1);
  }
  const int64_t planes = images * (g.image_step / g.channel_step), plane = height * width;
  T* padded = scratch.get<T>(planes * plane + kPaddedSlack);
  const int64_t edge = std::min(left, width), filled = std::min(g.width, width - edge);
  parallel_for(planes, 1 + 32768 / plane, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t row = 0; row < height; ++row) {
        T* to = padded + i * plane + row * width;
        const bool empty = row < top || row - top >= g.height;
        const T* from = source + i * g.channel_step + (row - top) * g.width;
        std::fill(to, to + (empty ? width : edge), T{0});
        if (empty) continue;
        std::copy(from, from + filled, to + edge);
        std::fill(to + edge + filled, to + width, T{0});
      }
  });
  std::fill(padded + planes * plane, padded + planes * plane + kPaddedSlack, T{0});
  g.image_step = g.image_step / g.channel_step * plane;
  g.channel_step = plane;
  g.height = height, g.width = width;
  g.inside = true;
  return padded;
}

template const float* padded_source(Gather&, int64_t, const float*, ScratchFrame&);
template const double* padded_source(Gather&, int64_t, const double*, ScratchFrame&);

HWY_EXPORT(float_columns);
HWY_EXPORT(double_columns);

template <>
const ColumnKernels<float>& column_kernels() {
  static const ColumnKernels<float> table = HWY_DYNAMIC_DISPATCH(float_columns)();
  return table;
}

template <>
const ColumnKernels<double>& column_kernels() {
  static const ColumnKernels<double> table = HWY_DYNAMIC_DISPATCH(double_columns)();
  return table;
}

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
