#include "backend/cuda/transfer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "backend/cuda/check.h"

namespace nngpu::cuda {
namespace {

constexpr size_t kChunk = size_t{4} << 20;
constexpr size_t kPerThread = size_t{2} << 20;  // less is not worth a thread's start
constexpr unsigned kMostThreads = 6;

// Pinned memory, and when the stream is done with it.
struct Chunk {
  char* data = nullptr;
  CUevent done = nullptr;
  bool busy = false;
};
constexpr size_t kChunks = 2;  // of a lane: one on its way, one being filled or emptied

// What one thread copies with.
struct Lane {
  std::array<Chunk, kChunks> chunks;
  size_t current = 0;
  size_t used = 0;  // bytes of the current chunk; small uploads share it
};

int open_lane(Lane& lane) {
  for (Chunk& chunk : lane.chunks) {
    if (chunk.done == nullptr) NNGPU_CUDA(cuEventCreate(&chunk.done, CU_EVENT_DISABLE_TIMING));
    if (chunk.data != nullptr) continue;
    void* data = nullptr;
    NNGPU_CUDA(cuMemHostAlloc(&data, kChunk, CU_MEMHOSTALLOC_PORTABLE));
    chunk.data = static_cast<char*>(data);
  }
  return NNGPU_MODULE_OK;
}

int wait_for(Chunk& chunk) {
  if (!chunk.busy) return NNGPU_MODULE_OK;
  NNGPU_CUDA(cuEventSynchronize(chunk.done));
  chunk.busy = false;
  return NNGPU_MODULE_OK;
}

int submitted(Device& device, Chunk& chunk) {
  NNGPU_CUDA(cuEventRecord(chunk.done, device.stream));
  chunk.busy = true;
  return NNGPU_MODULE_OK;
}

int next_chunk(Lane& lane) {
  lane.current = (lane.current + 1) % kChunks;
  lane.used = 0;
  return wait_for(lane.chunks[lane.current]);
}

// Queues the copy of at most a chunk. An event is recorded only when the chunk is full: small copies cost one
// call.
int queue_upload(Device& device, Lane& lane, char* to, const char* from, size_t bytes) {
  constexpr size_t kAlignment = 64;
  if (lane.used + bytes > kChunk) {
    NNGPU_CODE(submitted(device, lane.chunks[lane.current]));
    NNGPU_CODE(next_chunk(lane));
  }
  char* pinned = lane.chunks[lane.current].data + lane.used;
  std::memcpy(pinned, from, bytes);
  NNGPU_CUDA(cuMemcpyHtoDAsync(address(to), pinned, bytes, device.stream));
  lane.used += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return NNGPU_MODULE_OK;
}

// A download whose bytes are on their way.
struct Arrival {
  char* to = nullptr;
  size_t bytes = 0;
};

// The pieces of one copy, which its threads take in turn: several for each of them, since a piece is on its way
// while the next one is filled.
struct Pieces {
  Pieces(size_t all, unsigned threads)
      : bytes(all), piece(std::clamp(all / (4 * threads) / kSmallest * kSmallest, kSmallest, kChunk)) {}
  bool take(size_t& begin, size_t& size) {
    begin = next.fetch_add(piece, std::memory_order_relaxed);
    if (begin >= bytes) return false;
    size = std::min(piece, bytes - begin);
    return true;
  }
  static constexpr size_t kSmallest = size_t{256} << 10;
  size_t bytes, piece;
  std::atomic<size_t> next{0};
};

int upload_pieces(Device& device, Lane& lane, Pieces& pieces, char* to, const char* from) {
  for (size_t begin = 0, size = 0; pieces.take(begin, size);)
    NNGPU_CODE(queue_upload(device, lane, to + begin, from + begin, size));
  return NNGPU_MODULE_OK;
}

int arrive(Chunk& chunk, Arrival& arrival) {
  NNGPU_CODE(wait_for(chunk));
  if (arrival.bytes > 0) std::memcpy(arrival.to, chunk.data, arrival.bytes);
  arrival = {};
  return NNGPU_MODULE_OK;
}

int download_pieces(Device& device, Lane& lane, Pieces& pieces, char* to, const char* from) {
  std::array<Arrival, kChunks> arrivals;
  for (size_t begin = 0, size = 0; pieces.take(begin, size);) {
    lane.current = (lane.current + 1) % kChunks;
    Chunk& chunk = lane.chunks[lane.current];
    NNGPU_CODE(arrive(chunk, arrivals[lane.current]));
    NNGPU_CUDA(cuMemcpyDtoHAsync(chunk.data, address(from + begin), size, device.stream));
    NNGPU_CODE(submitted(device, chunk));
    arrivals[lane.current] = {to + begin, size};
  }
  for (size_t i = 1; i <= kChunks; ++i) {
    const size_t at = (lane.current + i) % kChunks;
    NNGPU_CODE(arrive(lane.chunks[at], arrivals[at]));
  }
  return NNGPU_MODULE_OK;
}

unsigned threads_for(size_t bytes) {
  const auto wanted = static_cast<unsigned>(std::min<size_t>(bytes / kPerThread, kMostThreads));
  return std::clamp(wanted, 1u, std::max(1u, std::thread::hardware_concurrency() / 2));
}

}  // namespace

struct Transfers {
  // Lanes of one direction, of which the first is the one for small copies.
  struct Direction {
    std::mutex mutex;
    std::array<Lane, kMostThreads> lanes;
  } up, down;
};

namespace {

std::mutex transfers_mutex;
Transfers& transfers_of(Device& device) {
  std::lock_guard lock(transfers_mutex);
  if (device.transfers == nullptr) device.transfers = new Transfers;  // as long as the device
  return *device.transfers;
}

// False where there is no pinned memory: then the driver copies as it can.
bool open_lanes(Transfers::Direction& direction, unsigned& count) {
  for (unsigned i = 0; i < count; ++i) {
    if (open_lane(direction.lanes[i]) == NNGPU_MODULE_OK) continue;
    count = i;
    break;
  }
  return count > 0;
}

// Calls copy(lane) in `count` threads, of which this is one. The messages of the others come to this one.
template <class Copy>
int run_lanes(Device& device, Transfers::Direction& direction, unsigned count, const Copy& copy) {
  std::vector<std::thread> threads;
  std::vector<int> codes(count, NNGPU_MODULE_OK);
  std::vector<std::string> messages(count);
  const auto run = [&](unsigned i) {
    const CUresult entered = enter(device);
    codes[i] = entered == CUDA_SUCCESS ? copy(direction.lanes[i]) : failed(entered, "cuCtxSetCurrent");
    if (codes[i] != NNGPU_MODULE_OK) messages[i] = last_message();
  };
  try {
    for (unsigned i = 1; i < count; ++i) threads.emplace_back(run, i);
  } catch (const std::exception&) {
    // The system has no more threads: those that there are do it all.
  }
  run(0);
  for (std::thread& thread : threads) thread.join();
  for (unsigned i = 0; i < count; ++i)
    if (codes[i] != NNGPU_MODULE_OK) return failed_again(codes[i], messages[i]);
  return NNGPU_MODULE_OK;
}

}  // namespace

int upload(void* handle, void* to, const void* from, size_t bytes) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  Transfers::Direction& up = transfers_of(device).up;
  std::lock_guard lock(up.mutex);
  unsigned count = threads_for(bytes);
  if (!open_lanes(up, count)) {
    NNGPU_CUDA(cuMemcpyHtoDAsync(address(to), from, bytes, device.stream));
    NNGPU_CUDA(cuStreamSynchronize(device.stream));
    return NNGPU_MODULE_OK;
  }
  Pieces pieces(bytes, count);
  return run_lanes(device, up, count, [&](Lane& lane) {
    return upload_pieces(device, lane, pieces, static_cast<char*>(to), static_cast<const char*>(from));
  });
}

int download(void* handle, void* to, const void* from, size_t bytes) {
  Device& device = device_of(handle);
  NNGPU_CUDA(enter(device));
  Transfers::Direction& down = transfers_of(device).down;
  std::lock_guard lock(down.mutex);
  unsigned count = threads_for(bytes);
  if (!open_lanes(down, count)) {
    NNGPU_CUDA(cuMemcpyDtoHAsync(to, address(from), bytes, device.stream));
    NNGPU_CUDA(cuStreamSynchronize(device.stream));
    return NNGPU_MODULE_OK;
  }
  Pieces pieces(bytes, count);
  return run_lanes(device, down, count, [&](Lane& lane) {
    return download_pieces(device, lane, pieces, static_cast<char*>(to), static_cast<const char*>(from));
  });
}

}  // namespace nngpu::cuda
