// The safetensors format: what is written reads back, the bytes are those of the format, and broken or hostile
// files are errors.
#include "io/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "io/file.h"
#include "nngpu/ops.h"
#include "oracle/compare.h"
#include "oracle/random_array.h"

namespace nngpu::io {
namespace {

std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

std::string error_of(const std::string& bytes) {
  try {
    parse_safetensors(bytes, "x");
  } catch (const IOError& error) {
    return error.what();
  }
  return "no IOError";
}

TEST(Safetensors, KeepsNamesDtypesShapesValuesAndMetadata) {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, oracle::Array> expected;
  for (DType dtype :
       {DType::Bool, DType::U8, DType::I32, DType::I64, DType::F16, DType::BF16, DType::F32, DType::F64}) {
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {0}, {5}, {3, 4}, {2, 0, 3}, {2, 3, 4, 5}}) {
      const std::string name = std::string("a.\"\u00e4\\") + dtype_name(dtype) + to_string(Shape(shape));
      expected[name] = oracle::random_array(shape, dtype, 0, 100);
      tensors[name] = oracle::with_layout(expected[name], dtype, oracle::Layout::Transposed);
    }
  }
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"", "\n"}};
  const std::string path =
      (std::filesystem::temp_directory_path() / ("nngpu_safetensors_" + std::to_string(getpid()))).string();
  write_safetensors(path, tensors, metadata);
  const Safetensors read = read_safetensors(path);
  std::filesystem::remove(path);
  EXPECT_EQ(read.metadata, metadata);
  ASSERT_EQ(read.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors)
    EXPECT_TRUE(oracle::matches(read.tensors.at(name), expected[name], tensor.dtype(), oracle::Accuracy::Exact))
        << name;
}

TEST(Safetensors, WritesTheFormat) {
  const std::string bytes = format_safetensors(
      {{"b", Tensor::from_vector<int32_t>({1, 2}, {2})}, {"a", zeros({0, 3})}, {"c", zeros({1}, DType::F64)}}, {},
      "x");
  std::string header =
      R"({"c":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},)"
      R"("b":{"dtype":"I32","shape":[2],"data_offsets":[8,16]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(bytes, file_of(header, std::string(8, '\0') + std::string("\1\0\0\0\2\0\0\0", 8)));
  EXPECT_EQ(parse_safetensors(file_of("{}", ""), "x").tensors.size(), 0u);
}

TEST(Safetensors, WidensIntegersThatAreNotThere) {
  const auto values = [](const char* dtype, const std::string& data, size_t count) {
    return parse_safetensors(
               file_of(std::string(R"({"x":{"dtype":")") + dtype + R"(","shape":[)" + std::to_string(count) +
                           R"(],"data_offsets":[0,)" + std::to_string(data.size()) + "]}}",
                       data),
               "x")
        .tensors.at("x")
        .to_vector<int64_t>();
  };
  EXPECT_EQ(values("I8", "\xff\x7f", 2), (std::vector<int64_t>{-1, 127}));
  EXPECT_EQ(values("I16", "\xfe\xff", 1), (std::vector<int64_t>{-2}));
  EXPECT_EQ(values("U16", "\xfe\xff", 1), (std::vector<int64_t>{65534}));
  EXPECT_EQ(values("U32", "\xff\xff\xff\xff", 1), (std::vector<int64_t>{4294967295}));
  EXPECT_EQ(values("BOOL", "\x02", 1), (std::vector<int64_t>{1}));
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const std::string bytes = format_safetensors({{"a", ones({3})}, {"b", ones({2, 2})}}, {{"k", "v"}}, "x");
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(parse_safetensors(std::string_view(bytes).substr(0, size), "x"), IOError) << size;
  }
  EXPECT_THROW(parse_safetensors(bytes + "x", "x"), IOError);
}

TEST(Safetensors, HostileHeaders) {
  const std::string data(16, '\0');
  const auto one = [](const std::string& entry) { return "{\"x\":" + entry + "}"; };
  const std::pair<std::string, const char*> cases[] = {
      {one(R"({"dtype":"F32","shape":[4],"data_offsets":[0,12]})"), "tensor 'x' of 16 bytes takes 12"},
      {one(R"({"dtype":"F32","shape":[4],"data_offsets":[4,20]})"), "leaves a gap or overlaps"},
      {one(R"({"dtype":"F32","shape":[4],"data_offsets":[16,0]})"), "no valid data_offsets"},
      {one(R"({"dtype":"F32","shape":[4],"data_offsets":[-16,0]})"), "no valid data_offsets"},
      {one(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16,16]})"), "no valid data_offsets"},
      {one(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16.0]})"), "no valid data_offsets"},
      {one(R"({"dtype":"F32","shape":[8],"data_offsets":[0,32]})"), "32 bytes of data are needed, 16 are there"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), "bytes after the last tensor"},
      {one(R"({"dtype":"F32","shape":[-4],"data_offsets":[0,16]})"), "no valid shape"},
      {one(R"({"dtype":"F32","shape":[4.0],"data_offsets":[0,16]})"), "no valid shape"},
      {one(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]})"), "no valid shape"},
      {one(R"({"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,0]})"), "no valid shape"},
      {one(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16]})"), "more than 8 axes"},
      {one(R"({"dtype":"C64","shape":[2],"data_offsets":[0,16]})"), "dtype 'C64' is not supported"},
      {one(R"({"dtype":"f32","shape":[4],"data_offsets":[0,16]})"), "dtype 'f32' is not supported"},
      {one(R"({"dtype":7,"shape":[4],"data_offsets":[0,16]})"), "needs dtype, shape and data_offsets"},
      {one(R"({"dtype":"F32","shape":[4]})"), "needs dtype, shape and data_offsets"},
      {one(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16],"more":1})"), "needs dtype, shape"},
      {one("[]"), "needs dtype, shape and data_offsets"},
      {R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       "leaves a gap or overlaps"},
      {R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
       "the key 'x' is there twice"},
      {one(R"({"dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16]})"),
       "the key 'dtype' is there twice"},
      {R"({"__metadata__":{"a":1}})", "metadata 'a' is no string"},
      {R"({"__metadata__":[]})", "__metadata__ is no object"},
      {one(R"({"dtype":"F32","shape":[[4]],"data_offsets":[0,16]})"), "nested too deep"},
      {"{\"x\":" + std::string(100000, '['), "nested too deep"},
      {"[]", "does not start with '{'"},
      {"{", "is no JSON object"},
      {"{\"x\xff\":1}", "is no JSON object"},
      {"", "does not start with '{'"},
  };
  for (const auto& [header, text] : cases) {
    const std::string error = error_of(file_of(header, data));
    EXPECT_NE(error.find(text), std::string::npos) << header.substr(0, 100) << ": " << error;
  }
  EXPECT_NE(error_of(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8)).find("is too long"), std::string::npos);
  EXPECT_NE(error_of("short").find("fewer than 8 bytes"), std::string::npos);
}

TEST(Safetensors, WhatCannotBeWritten) {
  EXPECT_THROW(write_safetensors("/nowhere/x", {{"a", ones({1})}}), IOError);
  EXPECT_THROW(write_safetensors("x", {{"a", Tensor()}}), IOError);
  EXPECT_THROW(write_safetensors("x", {{"__metadata__", ones({1})}}), IOError);
  EXPECT_THROW(write_safetensors("x", {{"\xff", ones({1})}}), IOError);
  EXPECT_THROW(read_safetensors("/nowhere/x"), IOError);
}

}  // namespace
}  // namespace nngpu::io
