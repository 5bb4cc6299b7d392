// The steps of chains. Each takes the accumulator in registers and ends with a call of the next step, which
// compilers make a jump.
#include <utility>

#include "backend/cpu/elementwise/chain.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/elementwise/chain_kernels.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "backend/cpu/elementwise/float_kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// How far ahead of its use far memory is asked for.
constexpr size_t kAhead = 4096;

template <class T, class Indices>
struct ChainKernels;

// The accumulator is one vector for each K. All are passed in registers, which are eight on x86.
template <class T, size_t... K>
struct ChainKernels<T, std::index_sequence<K...>> {
  using D = hn::ScalableTag<T>;
  template <size_t>
  using V = hn::Vec<D>;
  using Handler = void (*)(const ChainStep*, size_t, V<K>...);

  static HWY_INLINE void go_on(const ChainStep* step, size_t i, V<K>... a) {
    reinterpret_cast<Handler>(step->handler)(step, i, a...);
  }

  static HWY_INLINE T* operand(const ChainStep* step, size_t i) {
    return reinterpret_cast<T*>(step->at + (i & step->moves));
  }

  // The block's operand in memory, and a request for one further on.
  template <ChainOperand kOperand>
  static HWY_INLINE const T* source(const ChainStep* step, size_t i) {
    const T* from = operand(step, i);
    if constexpr (kOperand == ChainOperand::Far) {
      const char* ahead = reinterpret_cast<const char*>(from) + kAhead;
      for (size_t line = 0; line < block(); line += 64) hwy::Prefetch(ahead + line);
    }
    return from;
  }

  template <ChainOperand kOperand>
  static void load(const ChainStep* step, size_t i, V<K>...) {
    const D d;
    const T* from = source<kOperand>(step, i);
    if constexpr (kOperand == ChainOperand::Element) {
      const V<0> repeated = hn::Set(d, *from);
      go_on(step + 1, i, (static_cast<void>(K), repeated)...);
    } else {
      go_on(step + 1, i, hn::LoadU(d, from + K * hn::Lanes(d))...);
    }
  }

  template <bool kStream>
  static void store(const ChainStep* step, size_t i, V<K>... a) {
    const D d;
    T* to = operand(step, i);
    if constexpr (kStream)
      (hn::Stream(a, d, to + K * hn::Lanes(d)), ...);
    else
      (hn::StoreU(a, d, to + K * hn::Lanes(d)), ...);
    go_on(step + 1, i, a...);
  }

  static void end(const ChainStep*, size_t, V<K>...) {}

  template <Elementwise C>
  static void unary(const ChainStep* step, size_t i, V<K>... a) {
    const VectorPrimitives<D> p{};
    go_on(step + 1, i, p.apply(Code<C>(), a, a, a)...);
  }

  template <Elementwise C, ChainOperand kOperand, bool kSwapped>
  static void binary(const ChainStep* step, size_t i, V<K>... a) {
    constexpr bool kElement = kOperand == ChainOperand::Element;
    const D d;
    const VectorPrimitives<D> p{};
    const T* from = source<kOperand>(step, i);
    const V<0> repeated = hn::Set(d, kElement ? *from : T{0});
    const auto apply = [&](V<0> x, size_t offset) HWY_ATTR {
      const V<0> y = kElement ? repeated : hn::LoadU(d, from + offset);
      return kSwapped ? p.apply(Code<C>(), y, x, x) : p.apply(Code<C>(), x, y, y);
    };
    go_on(step + 1, i, apply(a, K * hn::Lanes(d))...);
  }

  static void run(const ChainStep* steps, size_t bytes) {
    for (size_t i = 0; i < bytes; i += block()) go_on(steps, i, (static_cast<void>(K), hn::Zero(D()))...);
  }

  static size_t block() { return sizeof...(K) * hn::Lanes(D()) * sizeof(T); }
  static ChainHandler erased(Handler handler) { return reinterpret_cast<ChainHandler>(handler); }

  template <Elementwise... kCodes>
  static void add_unary(ChainHandlers& handlers) {
    ((handlers.unary[static_cast<int>(kCodes)] = erased(unary<kCodes>)), ...);
  }

  template <Elementwise C, ChainOperand kOperand>
  static void add_binary_form(ChainHandlers& handlers) {
    auto& forms = handlers.binary[static_cast<int>(C)][static_cast<int>(kOperand)];
    forms[0] = erased(binary<C, kOperand, false>);
    forms[1] = erased(binary<C, kOperand, true>);
  }

  template <Elementwise C>
  static void add_binary_code(ChainHandlers& handlers) {
    add_binary_form<C, ChainOperand::Near>(handlers);
    add_binary_form<C, ChainOperand::Far>(handlers);
    add_binary_form<C, ChainOperand::Element>(handlers);
  }

  template <Elementwise... kCodes>
  static void add_binary(ChainHandlers& handlers) {
    (add_binary_code<kCodes>(handlers), ...);
  }

  // The cheap primitives, and the functions that activations are made of.
  static ChainHandlers make() {
    ChainHandlers handlers;
    handlers.block = block();
    handlers.load[0] = erased(load<ChainOperand::Near>);
    handlers.load[1] = erased(load<ChainOperand::Far>);
    handlers.load[2] = erased(load<ChainOperand::Element>);
    handlers.save = erased(store<false>);
    handlers.stream = erased(store<true>);
    handlers.end = erased(end);
    handlers.run = run;
    using enum Elementwise;
    add_unary<Negative, Abs, Sign, Square, Reciprocal, Sqrt, Rsqrt, Floor, Ceil, Round, Trunc>(handlers);
    add_unary<Exp, Exp2, Expm1, Log, Log1p, Tanh, Erf, Sigmoid>(handlers);
    add_binary<Add, Subtract, Multiply, Divide, Maximum, Minimum>(handlers);
    return handlers;
  }
};

// Eight vectors pay for the jumps between steps.
template <class T>
using Kernels = ChainKernels<T, std::make_index_sequence<8>>;

ChainHandlers find_chain_handlers(DType type) {
  return type == DType::F64 ? Kernels<double>::make() : Kernels<float>::make();
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
HWY_EXPORT(find_chain_handlers);

const ChainHandlers& chain_handlers(DType type) {
  static const ChainHandlers floats = HWY_DYNAMIC_DISPATCH(find_chain_handlers)(DType::F32);
  static const ChainHandlers doubles = HWY_DYNAMIC_DISPATCH(find_chain_handlers)(DType::F64);
  return type == DType::F64 ? doubles : floats;
}
}  // namespace nngpu::cpu
#endif
