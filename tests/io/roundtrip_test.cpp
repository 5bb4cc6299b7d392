// Writing and reading back, and files that are truncated, corrupt or hostile.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "io/file.h"
#include "io/parse.h"
#include "nngpu/io.h"
#include "nngpu/ops.h"
#include "oracle/compare.h"
#include "oracle/random_array.h"

namespace nngpu::io {
namespace {

namespace fs = std::filesystem;

class IoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("nngpu_io_" + std::to_string(::getpid()) + "_" +
                                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  size_t files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {})); }

  fs::path folder_;
};

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const IOError& error) {
    return error.what();
  }
  return "no IOError";
}

TEST_F(IoTest, NpyKeepsDtypeShapeAndValues) {
  for (DType dtype : {DType::Bool, DType::U8, DType::I32, DType::I64, DType::F16, DType::F32, DType::F64}) {
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {0}, {5}, {3, 4}, {2, 0, 3}, {2, 3, 4, 5}}) {
      const auto a = oracle::random_array(shape, dtype, 0, 100);
      save_npy(path("x.npy"), oracle::with_layout(a, dtype, oracle::Layout::Transposed));
      EXPECT_TRUE(oracle::matches(load_npy(path("x.npy")), a, dtype, oracle::Accuracy::Exact));
    }
  }
  EXPECT_EQ(files(), 1u);  // no temporaries are left
}

TEST_F(IoTest, EveryTruncationOfAnNpyIsAnError) {
  const std::string bytes = format_npy(arange(0, 20));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(parse_npy(std::string_view(bytes).substr(0, size), "x"), IOError) << size;
  }
}

std::string npy_with(const std::string& header, size_t data_bytes) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + std::string(data_bytes, '\0');
}

TEST_F(IoTest, HostileNpyHeaders) {
  const char* headers[] = {
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
      "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }",
      "{'descr': '<f4', 'shape': (1,), }",
      "{'descr': '<f4",
      "{",
      "",
  };
  for (const char* header : headers) EXPECT_THROW(parse_npy(npy_with(header, 64), "x"), IOError) << header;
  EXPECT_NO_THROW(parse_npy(npy_with("{'descr': '<f4', 'fortran_order': True, 'shape': (4, 4), }", 64), "x"));
}

TEST_F(IoTest, BigEndianAndNarrowIntegers) {
  std::string bytes = npy_with("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", 0);
  bytes += std::string("\x01\x02\xff\xfe", 4);
  const Tensor x = parse_npy(bytes, "x");
  EXPECT_EQ(x.dtype(), DType::I32);
  EXPECT_EQ(x.to_vector<int32_t>(), (std::vector<int32_t>{258, -2}));
}

#if defined(NNGPU_HAVE_LIBZIP)
TEST_F(IoTest, NpzHoldsSeveralArrays) {
  for (const bool compress : {false, true}) {
    const Tensor a = arange(0, 1000), b = ones({2, 3}, DType::F64);
    save_npz(path("x.npz"), {{"a", a}, {"b", b}}, compress);
    const auto read = load_npz(path("x.npz"));
    ASSERT_EQ(read.size(), 2u);
    EXPECT_EQ(read.at("a").to_vector<float>(), a.to_vector<float>());
    EXPECT_EQ(read.at("b").dtype(), DType::F64);
    const std::string bytes = read_file(path("x.npz"));
    for (size_t size = 0; size < bytes.size(); size += 37) {
      EXPECT_THROW(parse_npz(std::string_view(bytes).substr(0, size), "x"), IOError) << size;
    }
    std::string corrupt = bytes;
    corrupt[bytes.size() / 3] ^= 0x40;
    EXPECT_THROW(parse_npz(corrupt, "x"), IOError);
  }
  EXPECT_EQ(files(), 1u);
}
#endif

TEST_F(IoTest, CsvHeadersAndErrors) {
  const CsvTable plain = parse_csv("1,2\n3.5,-4e-3\n", "x", {});
  EXPECT_TRUE(plain.header.empty());
  EXPECT_EQ(plain.data.to_vector<double>(), (std::vector<double>{1, 2, 3.5, -4e-3}));
  const CsvTable named = parse_csv("# made by hand\r\n\"a\", b\r\n1, 2\r\n\r\n+3,nan", "x", {});
  EXPECT_EQ(named.header, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(named.data.shape(), (Shape{2, 2}));
  EXPECT_TRUE(std::isnan(named.data.to_vector<double>()[3]));
  EXPECT_NE(error_of([] { parse_csv("1,2\n3\n", "x", {}); }).find("line 2 has 1 fields"), std::string::npos);
  EXPECT_NE(error_of([] { parse_csv("1,2\n3,\n", "x", {}); }).find("line 2: '' is not a number"),
            std::string::npos);
  EXPECT_NE(error_of([] { parse_csv("1,2\n3,x1\n", "x", {}); }).find("'x1' is not a number"), std::string::npos);
  EXPECT_THROW(parse_csv("", "x", {}), IOError);
}

TEST_F(IoTest, TextFormatsReadBackTheSameNumbers) {
  for (DType dtype : {DType::I64, DType::F32, DType::F64}) {
    const auto a = oracle::random_array({7, 5}, dtype, -1e6, 1e6);
    const Tensor x = oracle::to_tensor(a, dtype);
    save_csv(path("x.csv"), x, {"a", "b", "c", "d", "e"});
    save_mtx(path("x.mtx"), x);
    EXPECT_TRUE(oracle::matches(cast(load(path("x.csv")), dtype), a, dtype, oracle::Accuracy::Exact));
    EXPECT_TRUE(oracle::matches(cast(load(path("x.mtx")), dtype), a, dtype, oracle::Accuracy::Exact));
  }
}

TEST_F(IoTest, MatrixMarketVariants) {
  const auto values = [](const char* text) { return parse_mtx(text, "x").to_vector<double>(); };
  EXPECT_EQ(values("%%MatrixMarket matrix coordinate real general\n% c\n2 3 3\n1 1 5\n2 3 -1\n1 1 1\n"),
            (std::vector<double>{6, 0, 0, 0, 0, -1}));
  EXPECT_EQ(values("%%MatrixMarket matrix coordinate pattern symmetric\n2 2 1\n2 1\n"),
            (std::vector<double>{0, 1, 1, 0}));
  EXPECT_EQ(values("%%MatrixMarket matrix array real skew-symmetric\n2 2\n3\n"),
            (std::vector<double>{0, -3, 3, 0}));
  EXPECT_EQ(values("%%MatrixMarket matrix array integer general\n2 1\n3\n4\n"), (std::vector<double>{3, 4}));
  const char* broken[] = {"",
                          "%%MatrixMarket matrix array complex general\n1 1\n1 1\n",
                          "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n",
                          "%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 1\n",
                          "%%MatrixMarket matrix coordinate real general\n9999999999 9999999999 1\n1 1 1\n",
                          "%%MatrixMarket matrix coordinate real general\n2 2 99999999999\n1 1 1\n",
                          "%%MatrixMarket matrix array real general\n1 1\n1\n2\n"};
  for (const char* text : broken) EXPECT_THROW(parse_mtx(text, "x"), IOError) << text;
}

TEST_F(IoTest, AFailedSaveKeepsTheOldFile) {
  save_npy(path("x.npy"), ones({3}));
  const Tensor singular = take(zeros({2}), Tensor::from_vector<int64_t>({7}, {1}), 0);
  EXPECT_THROW(save_npy(path("x.npy"), singular), IndexError);
  EXPECT_EQ(load_npy(path("x.npy")).to_vector<float>(), (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(files(), 1u);
  EXPECT_THROW(save_npy(path("none/x.npy"), ones({3})), IOError);
  EXPECT_THROW(load(path("absent.npy")), IOError);
  EXPECT_THROW(load(path("x.xyz")), IOError);
}

}  // namespace
}  // namespace nngpu::io
