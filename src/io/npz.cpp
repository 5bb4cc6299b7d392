// The .npz format: a zip archive of .npy members, through libzip.
#include "io/file.h"
#include "io/parse.h"
#include "nngpu/error.h"

#if defined(NNGPU_HAVE_LIBZIP)
#include <zip.h>

#include <memory>

namespace nngpu::io {
namespace {

// A member that claims to be larger than this many times its compressed bytes is refused as a zip bomb (deflate's
// limit is about 1032).
constexpr uint64_t kMaxRatio = 1100;

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;

std::string error_text(zip_error_t& error) {
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

Archive open_archive(std::string_view bytes, const std::string& name) {
  // libzip takes an empty file for an archive without members.
  if (bytes.empty()) fail_read(name, "not a valid .npz file: it is empty");
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  if (source == nullptr) fail_read(name, error_text(error));
  zip_t* archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  if (archive == nullptr) {
    zip_source_free(source);
    fail_read(name, "not a valid .npz file: " + error_text(error));
  }
  return Archive(archive);
}

std::string read_member(zip_t* archive, zip_int64_t index, const std::string& name) {
  zip_stat_t stat;
  const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
  const bool known = zip_stat_index(archive, index, 0, &stat) == 0 && (stat.valid & needed) == needed;
  if (!known || stat.size > (stat.comp_size + 1) * kMaxRatio)
    fail_read(name, "a member's size cannot be believed");
  const std::unique_ptr<zip_file_t, Discard> file(zip_fopen_index(archive, index, 0));
  if (!file) fail_read(name, zip_strerror(archive));
  std::string bytes(stat.size, '\0');
  const zip_int64_t count = zip_fread(file.get(), bytes.data(), bytes.size());
  if (count < 0 || static_cast<uint64_t>(count) != stat.size) fail_read(name, "a member is truncated or corrupt");
  char end;
  if (zip_fread(file.get(), &end, 1) != 0) fail_read(name, "a member is corrupt");  // checks the CRC as well
  return bytes;
}

}  // namespace

std::map<std::string, Tensor> parse_npz(std::string_view bytes, const std::string& name) {
  const Archive archive = open_archive(bytes, name);
  std::map<std::string, Tensor> tensors;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive.get(), 0); ++i) {
    const char* raw = zip_get_name(archive.get(), i, 0);
    std::string member = raw != nullptr ? raw : "";
    const std::string bytes_of_member = read_member(archive.get(), i, name);
    if (member.size() > 4 && member.ends_with(".npy")) member.resize(member.size() - 4);
    tensors[member] = parse_npy(bytes_of_member, name + ":" + member);
  }
  return tensors;
}

void save_npz(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& tensors, bool compress) {
  std::vector<std::string> members;  // libzip reads them when it closes
  for (const auto& [name, tensor] : tensors) members.push_back(format_npy(tensor));
  AtomicFile file(path);
  const auto fail = [&](const std::string& message) { throw IOError("[save] " + path + ": " + message); };
  int code = 0;
  zip_t* opened = zip_open(file.temporary().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (opened == nullptr) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    fail(error_text(error));
  }
  Archive archive(opened);
  for (size_t i = 0; i < members.size(); ++i) {
    zip_source_t* source = zip_source_buffer(opened, members[i].data(), members[i].size(), 0);
    if (source == nullptr) fail(zip_strerror(opened));
    const zip_int64_t index = zip_file_add(opened, (tensors[i].first + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      fail(zip_strerror(opened));
    }
    zip_set_file_compression(opened, static_cast<zip_uint64_t>(index), compress ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
                             0);
  }
  if (zip_close(opened) != 0) fail(zip_strerror(opened));
  archive.release();  // NOLINT: closed
  file.commit();
}

}  // namespace nngpu::io

#else

namespace nngpu::io {
namespace {
constexpr const char* kAbsent = "this build of nngpu has no .npz files: it was configured without libzip";
}

std::map<std::string, Tensor> parse_npz(std::string_view, const std::string& name) { fail_read(name, kAbsent); }

void save_npz(const std::string& path, const std::vector<std::pair<std::string, Tensor>>&, bool) {
  throw IOError("[save] " + path + ": " + kAbsent);
}

}  // namespace nngpu::io
#endif

namespace nngpu::io {
std::map<std::string, Tensor> load_npz(const std::string& path) { return parse_npz(read_file(path), path); }
}  // namespace nngpu::io
