// Whole files in and out.
#ifndef NNGPU_IO_FILE_H_
#define NNGPU_IO_FILE_H_

#include <string>
#include <string_view>

namespace nngpu::io {

// The file's bytes, gunzipped where it is gzip-compressed. Throws IOError.
std::string read_file(const std::string& path, bool gunzip = false);

// Throws IOError "[load] PATH: message".
[[noreturn]] void fail_read(const std::string& path, const std::string& message);

// A file that takes the name `path` only on commit(): until then it is a temporary beside it, which the destructor
// removes.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  // Where to write; the file does not exist yet.
  const std::string& temporary() const { return temporary_; }
  void write(std::string_view bytes);  // creates the temporary with these bytes
  void commit();                       // flushes it to the disk and renames it

 private:
  std::string path_, temporary_;
  bool committed_ = false;
};

}  // namespace nngpu::io

#endif  // NNGPU_IO_FILE_H_
