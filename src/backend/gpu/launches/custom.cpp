// Kernels that programs define (nngpu/kernel.h).
#include "graph/custom.h"

#include <sstream>

#include "backend/gpu/codegen.h"
#include "backend/gpu/launches.h"

namespace nngpu::gpu {
namespace {

// A row-major tensor's pointer, type and size; a number by value, or read from memory where it was computed.
class KernelText {
 public:
  KernelText(const Kernel::Definition& definition, const Launch& launch) {
    const size_t inputs = definition.inputs.size();
    for (size_t i = 0; i < launch.inputs.size(); ++i) {
      const graph::Operand& operand = launch.inputs[i];
      if (i < inputs)
        add_tensor("INPUT", definition.inputs[i], operand);
      else
        add_number(definition.numbers[i - inputs], operand);
    }
    for (size_t o = 0; o < launch.outputs.size(); ++o)
      add_tensor("OUTPUT", definition.outputs[o], launch.outputs[o]);
    for (const std::string& size : sizes_) parameter("SCALAR", "i64", size);
    text_ << types_.str() << definition.header << "\nKERNEL(" << definition.name << ", " << parameters_.str()
          << ") {\n"
          << start_.str() << definition.body << "\n}\n";
  }
  std::string str() const { return text_.str(); }

 private:
  void parameter(const char* kind, const std::string& type, const std::string& name) {
    parameters_ << (count_ > 0 ? ", " : "") << kind << "(" << type << ", " << name << ", " << count_ << ")";
    ++count_;
  }
  void add_tensor(const char* kind, const std::string& name, const graph::Operand& operand) {
    types_ << "typedef " << storage_type(operand.dtype) << " " << name << "_type;\n";
    parameter(kind, name + "_type", name);
    sizes_.push_back(name + "_size");
  }
  void add_number(const std::string& name, const graph::Operand& operand) {
    const std::string type = storage_type(operand.dtype);
    if (operand.constant) return parameter("SCALAR", type, name);
    parameter("INPUT", type, name + "_memory");
    start_ << "  const " << value_type(operand.dtype) << " " << name << " = widen(" << name << "_memory[0]);\n";
  }

  std::ostringstream types_, parameters_, start_, text_;
  std::vector<std::string> sizes_;
  int count_ = 0;
};

Dim3 dim_of(const Kernel::Grid& grid) {
  return {static_cast<uint32_t>(grid.x), static_cast<uint32_t>(grid.y), static_cast<uint32_t>(grid.z)};
}

}  // namespace

void run_custom(GpuBackend& gpu, const Launch& launch, const RunContext& context) {
  const auto& params = launch.params.as<graph::CustomParams>();
  const Kernel::Definition& definition = graph::kernel_definition(params.kernel);
  const Kernel::Call& call = graph::kernel_call(params.call);
  Arguments arguments;
  std::vector<BufferPtr> holders(launch.inputs.size());
  for (size_t i = 0; i < launch.inputs.size(); ++i) {
    const graph::Operand& input = launch.inputs[i];
    if (input.constant && i >= definition.inputs.size())
      arguments.number(context.at(input), dtype_size(input.dtype));
    else
      arguments.buffer(gpu.address(input, context, holders[i]));
  }
  for (const graph::Operand& output : launch.outputs) arguments.buffer(context.at(output));
  for (size_t i = 0; i < definition.inputs.size(); ++i) arguments.value(numel(launch.inputs[i].shape));
  for (const graph::Operand& output : launch.outputs) arguments.value(numel(output.shape));
  const KernelHandle kernel = gpu.library().custom(KernelText(definition, launch).str(), definition.name);
  gpu.launch(kernel, dim_of(call.blocks), dim_of(call.threads), arguments);
}

}  // namespace nngpu::gpu
