// Parts of charts as SVG.
#ifndef NNGPU_TOOLS_QUICKSTART_SVG_H_
#define NNGPU_TOOLS_QUICKSTART_SVG_H_

#include <string>
#include <vector>

namespace nngpu::tool::quickstart {

// A linear scale from data to pixels.
struct Scale {
  double low, high, from, to;
  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

struct Tick {
  double at;
  std::string text;
};
// About five round numbers from low to high.
std::vector<Tick> ticks(double low, double high);
// 1, 2 and 5 times powers of ten, at their decimal logarithms.
std::vector<Tick> log_ticks(double low, double high);

struct Labels {
  const char *x, *y;
};
std::string axes(const Scale& x, const Scale& y, const std::vector<Tick>& x_ticks,
                 const std::vector<Tick>& y_ticks, const Labels& labels);

// What every chart starts with.
inline constexpr const char* kStyle =
    "<style>text{font:12px system-ui,sans-serif;fill:#555}.grid{stroke:#e6e6e6}"
    ".legend{font-weight:600}</style>";
// The colours of the digits; the first is that of everything else, too.
inline constexpr const char* kColours[] = {"#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f",
                                           "#c9a816", "#b07aa1", "#ff9da7", "#9c755f", "#6b6b6b"};

}  // namespace nngpu::tool::quickstart

#endif  // NNGPU_TOOLS_QUICKSTART_SVG_H_
