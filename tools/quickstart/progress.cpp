#include "quickstart/progress.h"

#include <unistd.h>

#include <cstdio>

namespace nngpu::tool::quickstart {
namespace {

constexpr int kWidth = 30;                   // of the bar
constexpr const char* kErase = "\r\033[2K";  // to the start of the line, which is cleared

}  // namespace

Progress::Progress(int64_t steps) : steps_(steps), terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (terminal_) std::fputs(kErase, stderr);
}

void Progress::advance(const std::string& text) {
  const std::lock_guard lock(mutex_);
  ++done_;
  if (!terminal_) return;
  const auto filled = static_cast<size_t>(kWidth * done_ / steps_);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  std::fprintf(stderr, "%s[%s] %3d %%  %s", kErase, bar.c_str(), static_cast<int>(100 * done_ / steps_),
               text.c_str());
  std::fflush(stderr);
}

void Progress::line(const std::string& text) {
  const std::lock_guard lock(mutex_);
  std::fprintf(stderr, "%s%s\n", terminal_ ? kErase : "", text.c_str());
}

}  // namespace nngpu::tool::quickstart
