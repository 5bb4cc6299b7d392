// Graphs of steps: explicit chains of nodes, products captured from cuBLASLt.
#ifndef NNGPU_BACKEND_CUDA_GRAPH_H_
#define NNGPU_BACKEND_CUDA_GRAPH_H_

#include <cstddef>

struct nngpu_module_step;

namespace nngpu::cuda {

// As the table's functions of module_table.h. NNGPU_CUDA_GRAPHS=0 makes none.
int make_graph(void* device, const nngpu_module_step* steps, size_t count, void** graph);
int set_graph_step(void* device, void* graph, size_t index, const nngpu_module_step* step);
int launch_graph(void* device, void* graph);
int free_graph(void* device, void* graph);

}  // namespace nngpu::cuda

#endif  // NNGPU_BACKEND_CUDA_GRAPH_H_
