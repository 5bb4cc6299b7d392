// A kernel's arguments in the order of its parameters: addresses of device memory, and scalars or structs by
// value.
#ifndef NNGPU_BACKEND_GPU_ARGUMENTS_H_
#define NNGPU_BACKEND_GPU_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace nngpu::gpu {

// Work that is recorded is submitted again with other memory and other numbers (recording.h). What those are is
// said here: an address goes by buffer(), a struct of addresses by addresses(), one of a plan's numbers by
// number().
class Arguments {
 public:
  enum class Kind : uint8_t { Value, Buffer, Addresses, Number };
  struct Entry {
    uint32_t offset, size;
    Kind kind;
    const char* number;       // of a Number: where the run keeps it
    uint32_t addresses_size;  // of Addresses: the bytes at the start that are
  };

  Arguments& buffer(const void* address) { return add(&address, sizeof(address), Kind::Buffer); }
  template <class T>
  Arguments& value(const T& scalar) {
    static_assert(std::is_trivially_copyable_v<T>);
    return add(&scalar, sizeof(T), Kind::Value);
  }
  Arguments& bytes(const void* data, size_t size) { return add(data, size, Kind::Value); }
  // A struct of nothing but addresses; null where there is none.
  template <class T>
  Arguments& addresses(const T& table) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(void*) == 0);
    return addresses(&table, sizeof(T), sizeof(T));
  }
  // A struct that begins with `addresses_size` bytes of addresses.
  Arguments& addresses(const void* data, size_t size, size_t addresses_size) {
    add(data, size, Kind::Addresses);
    entries_.back().addresses_size = static_cast<uint32_t>(addresses_size);
    return *this;
  }
  // The bytes of a number of the plan, at RunContext::at of its operand; zeros up to `padded` bytes.
  Arguments& number(const char* at, size_t size, size_t padded = 0) {
    add(at, size, Kind::Number);
    entries_.back().number = at;
    if (padded > size) storage_.resize(storage_.size() + padded - size);
    return *this;
  }

  const std::vector<Entry>& entries() const { return entries_; }
  const char* data(const Entry& entry) const { return storage_.data() + entry.offset; }
  char* storage() { return storage_.data(); }

 private:
  Arguments& add(const void* data, size_t size, Kind kind) {
    if (entries_.empty()) {
      entries_.reserve(12);
      storage_.reserve(256);
    }
    const size_t offset = (storage_.size() + 15) / 16 * 16;
    storage_.resize(offset + size);
    std::memcpy(storage_.data() + offset, data, size);
    entries_.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(size), kind, nullptr, 0});
    return *this;
  }
  std::vector<char> storage_;
  std::vector<Entry> entries_;
};

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_ARGUMENTS_H_
