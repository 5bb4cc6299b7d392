#include "io/file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "nngpu/error.h"

namespace nngpu::io {
namespace {

// Text that decompresses to more than this is refused: a few kilobytes can claim to be terabytes.
constexpr size_t kMaxText = size_t{4} << 30;

std::string errno_text() { return std::strerror(errno); }

std::string read_gzip(const std::string& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) fail_read(path, errno_text());
  std::string bytes;
  char piece[1 << 16];
  while (true) {
    const int count = gzread(file.get(), piece, sizeof(piece));
    if (count < 0) {
      int code = 0;
      fail_read(path, std::string("broken gzip data: ") + gzerror(file.get(), &code));
    }
    bytes.append(piece, static_cast<size_t>(count));
    if (bytes.size() > kMaxText) fail_read(path, "decompresses to more than 4 GiB");
    if (static_cast<size_t>(count) == sizeof(piece)) continue;
    int code = Z_OK;
    gzerror(file.get(), &code);
    if (code == Z_BUF_ERROR) fail_read(path, "truncated gzip data");
    if (count == 0 || gzeof(file.get())) return bytes;
  }
}

}  // namespace

void fail_read(const std::string& path, const std::string& message) {
  throw IOError("[load] " + path + ": " + message);
}

std::string read_file(const std::string& path, bool gunzip) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) fail_read(path, "is a folder");
  if (gunzip) return read_gzip(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) fail_read(path, errno_text());
  std::string bytes;
  const auto size = std::filesystem::file_size(path, error);
  if (!error) bytes.reserve(size);
  bytes.assign(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) fail_read(path, "cannot be read");
  return bytes;
}

AtomicFile::AtomicFile(const std::string& path) : path_(path) {
  static std::atomic<int> counter{0};
  temporary_ = path + "." + std::to_string(getpid()) + "." + std::to_string(counter++) + ".tmp";
}

AtomicFile::~AtomicFile() {
  if (!committed_) std::remove(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  std::ofstream file(temporary_, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw IOError("[save] " + path_ + ": " + errno_text());
}

void AtomicFile::commit() {
  const int descriptor = open(temporary_.c_str(), O_RDONLY);
  const bool flushed = descriptor >= 0 && fsync(descriptor) == 0;
  if (descriptor >= 0) close(descriptor);
  if (!flushed || std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw IOError("[save] " + path_ + ": " + errno_text());
  }
  committed_ = true;
}

}  // namespace nngpu::io
