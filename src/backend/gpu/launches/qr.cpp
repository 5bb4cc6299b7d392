// QR of stacks of matrices.
#include <algorithm>

#include "backend/gpu/launches/factor_vendor.h"

namespace nngpu::gpu {
namespace {

// As in kernels/qr.kl and kernels/qr_small.kl.
struct Sizes {
  int64_t entries;
  int32_t rows, columns, kept, with_q;
};

void qr_small(GpuBackend& gpu, const Matrices& a, const Stack& q, const Stack& r, const Stack& status,
              const Sizes& sizes) {
  const SmallGrid grid(gpu, std::max(a.rows, a.columns), a.entries, 64);
  Arguments arguments;
  arguments.buffer(a.data).buffer(q.data).buffer(r.data).buffer(status.data).value(sizes).value(strides_of(a));
  grid.launch(gpu, gpu.library().kernel("qr_small", "qr_small", grid.definitions(a.dtype)), arguments);
}

// a is overwritten.
void qr_large(GpuBackend& gpu, const Stack& a, const Stack& q, const Stack& r, const Sizes& sizes) {
  const auto kernel = [&](const char* name) {
    return gpu.library().kernel("qr", name, "#define MAX_THREADS 512\n" + type_definition(a.dtype));
  };
  const int64_t steps = std::min(a.rows, a.columns);
  const BufferPtr tau = gpu.pool().allocate(static_cast<size_t>(a.entries * steps) * dtype_size(a.dtype));
  Arguments factor, form, take;
  factor.buffer(a.data).buffer(tau->data).value(sizes);
  const bool done = factor_qr_by_vendor(gpu, a, q);
  if (!done && steps > 0) gpu.launch(kernel("qr_factor"), {entry_blocks(a.entries), 1, 1}, {512, 1, 1}, factor);
  form.buffer(a.data).buffer(tau->data).buffer(q.data).value(sizes);
  if (!done && sizes.with_q != 0 && sizes.kept > 0)
    gpu.launch(kernel("qr_form_q"), {gpu.blocks_for(sizes.kept, 4), entry_blocks(a.entries), 1}, {128, 1, 1},
               form);
  take.buffer(a.data).buffer(r.data).value(sizes);
  const int64_t count = r.entries * r.entry_size();
  if (count > 0) gpu.launch(kernel("qr_take_r"), {gpu.blocks_for(count, 256), 1, 1}, {256, 1, 1}, take);
}

}  // namespace

void run_qr(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  // A q that is not wanted has shape (0,).
  const bool with_q = launch.outputs[0].shape.size() > 1;
  Stack q;
  if (with_q) q = output_stack(gpu, launch, context, 0, Entry::Matrix);
  const Stack r = output_stack(gpu, launch, context, 1, Entry::Matrix);
  const Stack shape = stack_shape(launch.inputs[0], Entry::Matrix, launch.items);
  if (shape.entries == 0) return;
  const Stack status = status_stack(gpu, launch);
  const Sizes sizes{shape.entries, static_cast<int32_t>(shape.rows), static_cast<int32_t>(shape.columns),
                    static_cast<int32_t>(r.rows), with_q};
  if (std::max(shape.rows, shape.columns) <= kSmallSide) {
    qr_small(gpu, input_matrices(gpu, launch, context, 0), q, r, status, sizes);
  } else {
    const Stack a = copied_stack(gpu, launch, context, 0, Entry::Matrix);
    replace_non_finite(gpu, a, false, status, a.columns);
    qr_large(gpu, a, q, r, sizes);
    if (with_q) spoil_non_finite(gpu, q, status, a.columns);
    spoil_non_finite(gpu, r, status, a.columns);
  }
  if (with_q) store_stack(gpu, launch, context, 0, Entry::Matrix, q);
  store_stack(gpu, launch, context, 1, Entry::Matrix, r);
  report_status(gpu, launch, context, "qr", status, shape.columns, InfoKind::NotConverged);
}

}  // namespace nngpu::gpu
