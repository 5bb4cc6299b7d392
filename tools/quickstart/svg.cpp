#include "quickstart/svg.h"

#include <cmath>

#include "quickstart/format.h"

namespace nngpu::tool::quickstart {

std::vector<Tick> ticks(double low, double high) {
  const double raw = (high - low) / 5;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = power;
  for (double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = power * factor;
    if (step >= raw) break;
  }
  std::vector<Tick> result;
  for (double t = std::ceil(low / step - 1e-9) * step; t <= high + 1e-9 * step; t += step) {
    const double at = std::abs(t) < step / 2 ? 0 : t;
    result.push_back({at, format("%g", at)});
  }
  return result;
}

std::vector<Tick> log_ticks(double low, double high) {
  std::vector<Tick> result;
  for (int power = static_cast<int>(std::floor(low)); power <= high; ++power) {
    for (int digit : {1, 2, 5}) {
      const double value = digit * std::pow(10, power), at = std::log10(value);
      if (at >= low - 1e-9 && at <= high + 1e-9) result.push_back({at, format("%g", value)});
    }
  }
  return result;
}

std::string axes(const Scale& x, const Scale& y, const std::vector<Tick>& x_ticks,
                 const std::vector<Tick>& y_ticks, const Labels& labels) {
  std::string svg;
  for (const auto& [at, text] : x_ticks) {
    svg += format("<line class='grid' x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f'/>", x(at), x(at), y.from, y.to);
    svg += format("<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>", x(at), y.from + 18, text.c_str());
  }
  for (const auto& [at, text] : y_ticks) {
    svg += format("<line class='grid' x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f'/>", x.from, x.to, y(at), y(at));
    svg += format("<text x='%.1f' y='%.1f' text-anchor='end'>%s</text>", x.from - 8, y(at) + 4, text.c_str());
  }
  svg +=
      format("<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>", (x.from + x.to) / 2, y.from + 40, labels.x);
  svg += format("<text transform='translate(%.1f %.1f) rotate(-90)' text-anchor='middle'>%s</text>", x.from - 44,
                (y.from + y.to) / 2, labels.y);
  return svg;
}

}  // namespace nngpu::tool::quickstart
