// How far a long piece of work is, on stderr: a bar on a terminal, plain lines where it is a file or a pipe.
#ifndef NNGPU_TOOLS_QUICKSTART_PROGRESS_H_
#define NNGPU_TOOLS_QUICKSTART_PROGRESS_H_

#include <cstdint>
#include <mutex>
#include <string>

namespace nngpu::tool::quickstart {

// Threads may share one.
class Progress {
 public:
  explicit Progress(int64_t steps);
  ~Progress();  // takes the bar away
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // One more step is done. The text stands beside the bar.
  void advance(const std::string& text);
  // A line that stays.
  void line(const std::string& text);

 private:
  std::mutex mutex_;
  int64_t steps_, done_ = 0;
  bool terminal_;
};

}  // namespace nngpu::tool::quickstart

#endif  // NNGPU_TOOLS_QUICKSTART_PROGRESS_H_
