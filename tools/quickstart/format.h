// printf into a string.
#ifndef NNGPU_TOOLS_QUICKSTART_FORMAT_H_
#define NNGPU_TOOLS_QUICKSTART_FORMAT_H_

#include <cstdarg>
#include <cstdio>
#include <string>

namespace nngpu::tool::quickstart {

// At most 511 characters.
__attribute__((format(printf, 1, 2))) inline std::string format(const char* pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof(text), pattern, arguments);
  va_end(arguments);
  return text;
}

}  // namespace nngpu::tool::quickstart

#endif  // NNGPU_TOOLS_QUICKSTART_FORMAT_H_
