// A SIMT emulator: runs a kernel's blocks on the host, every thread of a block as a fiber, with barriers,
// subgroups of 32 and shared memory. It finds barriers and collectives that not all threads reach; shared memory
// starts as NaN; kernels are compiled with the program's sanitizers, so reads out of bounds are found too.
#ifndef NNGPU_BACKEND_SIM_EMULATOR_H_
#define NNGPU_BACKEND_SIM_EMULATOR_H_

#include <cstdint>

namespace nngpu::sim {

struct Dim {
  uint32_t x, y, z;
};
// What a kernel sees of its thread: ng_ids of dialect/host.kl.
struct Ids {
  Dim thread, block, threads, blocks;
  uint32_t lane, warp;
};
// What the emulator does for a kernel: ng_services of dialect/host.kl.
struct Services {
  void (*barrier)(uint32_t site);
  void (*exchange)(const void* in, void* out, uint32_t size, uint32_t source, uint32_t site);
  void* (*shared)(const void* key, uint32_t size);
};
const Services& services();

// The order in which threads that could all go on do so. Greedy: a random subgroup goes as far as it can, which
// shows races that an even pace hides.
enum class Schedule { Forward, Greedy };
// NNGPU_SIM_SCHEDULE=forward|greedy; forward if unset.
Schedule schedule_from_environment();

// `ids` points to an Ids.
using Entry = void (*)(void** arguments, const void* ids);

// Runs a grid of blocks on the process's OpenMP threads. `cooperative`: the kernel has barriers, subgroup
// functions or shared memory; without them its threads run one after another, which is much faster. Throws
// DeviceError on a barrier or collective that not all threads reach.
void run_grid(Entry entry, void** arguments, Dim blocks, Dim threads, bool cooperative, Schedule schedule);

}  // namespace nngpu::sim

#endif  // NNGPU_BACKEND_SIM_EMULATOR_H_
