// Matrix products: which of the BLAS forms an item takes. The choice depends on an item's own shape and strides,
// never on how many items run together, so that batching changes no bits.
#include "backend/cpu/launches/matmul.h"

#include "backend/cpu/elementwise/tape.h"
#include "backend/cpu/launches.h"
#include "backend/cpu/launches/dtypes.h"
#include "backend/cpu/launches/scratch_frame.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kTableWork = 64 * 64 * 64;  // multiply-adds of products that run through pointer tables

// `count` products of equal shape at equal distances.
template <class T>
struct Products {
  int64_t count, m, n, k;
  ConstMatrix<T> a, b;
  Matrix<T> c;
  int64_t a_step, b_step, c_step;

  // A batch that shares one factor is one product, if the batch continues the other's rows (columns).
  void merge_shared() {
    if (count <= 1) return;
    if (b_step == 0 && (m == 1 || (a_step == m * a.rs && c_step == m * c.rs))) {
      if (m == 1) a.rs = a_step, c.rs = c_step;
      m *= count;
      count = 1;
    } else if (a_step == 0 && (n == 1 || (b_step == n * b.cs && c_step == n * c.cs))) {
      if (n == 1) b.cs = b_step, c.cs = c_step;
      n *= count;
      count = 1;
    }
  }
  bool is_vector() const { return m == 1 || n == 1; }
};

template <class T>
void vector_product(int64_t m, int64_t n, int64_t k, ConstMatrix<T> a, ConstMatrix<T> b, Matrix<T> c) {
  if (n == 1)
    gemv<T>(m, k, T{1}, a, b.data, b.rs, T{0}, c.data, c.rs);
  else
    gemv<T>(n, k, T{1}, {b.data, b.cs, b.rs}, a.data, a.cs, T{0}, c.data, c.cs);
}

template <class T>
void vector_products(const Products<T>& p) {
  if (p.count == 1) return vector_product<T>(p.m, p.n, p.k, p.a, p.b, p.c);
  const int64_t work = p.m * p.n * std::max<int64_t>(1, p.k);
  parallel_for(p.count, line_grain(work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      vector_product<T>(p.m, p.n, p.k, {p.a.data + i * p.a_step, p.a.rs, p.a.cs},
                        {p.b.data + i * p.b_step, p.b.rs, p.b.cs}, {p.c.data + i * p.c_step, p.c.rs, p.c.cs});
  });
}

template <class T>
void run_products(const Products<T>& p, const Finish* finish) {
  if (!p.is_vector() && p.count == 1) return gemm<T>(p.m, p.n, p.k, T{1}, p.a, p.b, T{0}, p.c, finish);
  if (!p.is_vector())
    return gemm_batch<T>(p.count, p.m, p.n, p.k, T{1}, p.a, p.a_step, p.b, p.b_step, T{0}, p.c, p.c_step, finish);
  vector_products(p);
  if (finish != nullptr) finish->apply_all();
}

// Products at irregular places.
template <class T>
void run_table(int64_t count, int64_t m, int64_t n, int64_t k, const ConstMatrix<T>& a, const ConstMatrix<T>& b,
               const Matrix<T>& c, const T* const* a_table, const T* const* b_table, T* const* c_table) {
  if (m != 1 && n != 1)
    return gemm_pointers<T>(count, m, n, k, T{1}, a_table, a.rs, a.cs, b_table, b.rs, b.cs, T{0}, c_table, c.rs,
                            c.cs);
  parallel_for(count, line_grain(m * n * std::max<int64_t>(1, k)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      vector_product<T>(m, n, k, {a_table[i], a.rs, a.cs}, {b_table[i], b.rs, b.cs}, {c_table[i], c.rs, c.cs});
  });
}

template <class T>
Products<T> regular_products(const MatmulShape& shape, ConstMatrix<T> a, ConstMatrix<T> b, Matrix<T> c) {
  Products<T> products{
      shape.batch.count(), shape.m, shape.n, shape.k, a, b, c, shape.batch.step(0), shape.batch.step(1),
      shape.batch.step(2)};
  products.merge_shared();
  return products;
}

template <class T>
void matmul_item(const Item& item, const RunContext& context, const Finish* finish = nullptr) {
  const graph::Operand &a = item.inputs[0], &b = item.inputs[1], &c = item.outputs[0];
  matmul_real<T>(MatmulShape(a, b, c), const_matrix(a, context.at<T>(a)), const_matrix(b, context.at<T>(b)),
                 mutable_matrix(c, context.at<T>(c)), finish);
}

bool same_layout(const graph::Operand& x, const graph::Operand& y) {
  return x.shape == y.shape && x.strides == y.strides;
}

// Small single products of equal layout in one call; false if these are not.
template <class T>
bool matmul_items(const Launch& launch, const RunContext& context) {
  const Item first = launch_item(launch, 0);
  const graph::Operand &a = first.inputs[0], &b = first.inputs[1], &c = first.outputs[0];
  const MatmulShape shape(a, b, c);
  if (shape.batch.count() != 1 || shape.empty() || shape.m * shape.n * shape.k > kTableWork) return false;
  ScratchFrame scratch;
  const T** a_table = scratch.get<const T*>(launch.items);
  const T** b_table = scratch.get<const T*>(launch.items);
  T** c_table = scratch.get<T*>(launch.items);
  for (int32_t i = 0; i < launch.items; ++i) {
    const Item item = launch_item(launch, i);
    if (!same_layout(item.inputs[0], a) || !same_layout(item.inputs[1], b) || !same_layout(item.outputs[0], c))
      return false;
    a_table[i] = context.at<T>(item.inputs[0]);
    b_table[i] = context.at<T>(item.inputs[1]);
    c_table[i] = context.at<T>(item.outputs[0]);
  }
  run_table<T>(launch.items, shape.m, shape.n, shape.k, const_matrix(a, a_table[0]), const_matrix(b, b_table[0]),
               mutable_matrix(c, c_table[0]), a_table, b_table, c_table);
  return true;
}

}  // namespace

template <class T>
void matmul_real(const MatmulShape& shape, ConstMatrix<T> a, ConstMatrix<T> b, Matrix<T> c, const Finish* finish) {
  if (shape.empty()) return;
  if (shape.batch.rank() == 1) return run_products(regular_products(shape, a, b, c), finish);
  const int64_t count = shape.batch.count();
  ScratchFrame scratch;
  const T** a_table = scratch.get<const T*>(count);
  const T** b_table = scratch.get<const T*>(count);
  T** c_table = scratch.get<T*>(count);
  shape.batch.for_points(0, count, [&](const int64_t(&at)[3], int64_t i) {
    a_table[i] = a.data + at[0];
    b_table[i] = b.data + at[1];
    c_table[i] = c.data + at[2];
  });
  run_table<T>(count, shape.m, shape.n, shape.k, a, b, c, a_table, b_table, c_table);
  if (finish != nullptr) finish->apply_all();
}

template void matmul_real(const MatmulShape&, ConstMatrix<float>, ConstMatrix<float>, Matrix<float>,
                          const Finish*);
template void matmul_real(const MatmulShape&, ConstMatrix<double>, ConstMatrix<double>, Matrix<double>,
                          const Finish*);

namespace {

// The chain over a product's result, as a launch of its own.
struct PreparedChain {
  Launch chain;
  std::shared_ptr<const PreparedTape> tape;
};

class ChainFinish : public Finish {
 public:
  ChainFinish(const Launch& launch, const RunContext& context)
      : Finish(context.at(launch.outputs[0])),
        prepared_(*static_cast<const PreparedChain*>(launch.prepared.get())),
        context_(context) {}

  void apply(int64_t start, int64_t length, int64_t count, int64_t step) const override {
    TapeRun run(prepared_.chain, *prepared_.tape, context_);
    for (int64_t i = 0; i < count; ++i) run_part(run, start + i * step, length);
  }
  void apply_all() const override {
    const int64_t count = prepared_.tape->count;
    parallel_for(count, kParallelElements / 2,
                 [&](int64_t begin, int64_t end) { apply(begin, end - begin, 1, 0); });
  }

 private:
  static constexpr int64_t kParallelElements = 1 << 15;
  const PreparedChain& prepared_;
  const RunContext& context_;
};

void run_with_chain(const Launch& launch, const RunContext& context) {
  const ChainFinish finish(launch, context);
  const DType dtype = launch.outputs[0].dtype;
  const Item item = launch_item(launch, 0);
  if (dtype == DType::F32 || dtype == DType::F64)
    return visit_real(dtype, [&]<class T>() { matmul_item<T>(item, context, &finish); });
  if (is_floating(dtype))
    matmul_half(item, context);
  else
    matmul_integer(item, context);
  finish.apply_all();
}

}  // namespace

void prepare_matmul(Launch& launch) {
  if (!launch.tape) return;
  auto prepared = std::make_shared<PreparedChain>();
  prepared->chain.kind = graph::OpKind::Elementwise;
  prepared->chain.inputs.assign(launch.inputs.begin() + 2, launch.inputs.end());
  prepared->chain.outputs.assign(launch.outputs.begin() + 1, launch.outputs.end());
  prepared->chain.tape = std::make_unique<graph::Tape>(*launch.tape);
  auto tape = std::make_shared<PreparedTape>(*prepare_tape(prepared->chain));
  // What takes the product's place is in the cache already.
  for (size_t k = 0; k < tape->stores.size(); ++k) {
    const graph::Operand& out = prepared->chain.outputs[launch.tape->stores[k].output];
    tape->stores[k].stream &= out.slot != launch.outputs[0].slot;
  }
  prepared->tape = std::move(tape);
  launch.prepared = std::move(prepared);
}

void run_matmul(const Launch& launch, const RunContext& context) {
  if (launch.tape) return run_with_chain(launch, context);
  const DType dtype = launch.outputs[0].dtype;
  if (dtype == DType::F32 || dtype == DType::F64) {
    visit_real(dtype, [&]<class T>() {
      if (launch.items > 1 && matmul_items<T>(launch, context)) return;
      for_items(launch, [&](const Item& item) { matmul_item<T>(item, context); });
    });
  } else if (is_floating(dtype)) {
    for_items(launch, [&](const Item& item) { matmul_half(item, context); });
  } else {
    for_items(launch, [&](const Item& item) { matmul_integer(item, context); });
  }
}

}  // namespace nngpu::cpu
