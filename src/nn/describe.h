// Text and checks that the layers share.
#ifndef NNGPU_SRC_NN_DESCRIBE_H_
#define NNGPU_SRC_NN_DESCRIBE_H_

#include <initializer_list>
#include <sstream>
#include <string>

#include "core/fail.h"

namespace nngpu::nn {

// "Name(1, 2, text)"; empty texts are left out.
template <class... Parts>
std::string called(const char* name, const Parts&... parts) {
  std::ostringstream text;
  text << name << '(';
  const char* separator = "";
  const auto put = [&](const auto& part) {
    std::ostringstream one;
    message::put(one, part);
    if (one.str().empty()) return;
    text << separator << one.str();
    separator = ", ";
  };
  (put(parts), ...);
  text << ')';
  return text.str();
}

// ValueError unless every size is at least 1.
inline void require_positive(const char* layer, std::initializer_list<int64_t> sizes) {
  for (int64_t size : sizes)
    if (size < 1) fail<ValueError>(layer, "sizes must be positive: ", Dims(sizes));
}

}  // namespace nngpu::nn

#endif  // NNGPU_SRC_NN_DESCRIBE_H_
