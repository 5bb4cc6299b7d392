// Curves of the networks' training: the mean over the splits, in a band from the lowest split to the highest.
#include <algorithm>
#include <cmath>

#include "quickstart/format.h"
#include "quickstart/report.h"
#include "quickstart/svg.h"

namespace nngpu::tool::quickstart {
namespace {

struct Band {
  std::vector<double> low, mean, high;  // an epoch
};

template <class Values>
Band band_of(const Training& training, const Values& values_of) {
  Band band;
  for (size_t epoch = 0; epoch < static_cast<size_t>(training.epochs); ++epoch) {
    double low = 1e300, high = -1e300, sum = 0;
    for (const TrainedSplit& split : training.splits) {
      const double value = values_of(split)[epoch];
      low = std::min(low, value);
      high = std::max(high, value);
      sum += value;
    }
    band.low.push_back(low);
    band.mean.push_back(sum / static_cast<double>(training.splits.size()));
    band.high.push_back(high);
  }
  return band;
}

std::string points(const Scale& x, const Scale& y, const std::vector<double>& values, bool backwards) {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t at = backwards ? values.size() - 1 - i : i;
    text += format("%.1f,%.2f ", x(static_cast<double>(at + 1)), y(values[at]));
  }
  return text;
}

struct Look {
  const char *name, *label, *colour;
};

// One chart. Above and below the axis nothing is drawn.
std::string chart(const Band& band, const Scale& y, const std::vector<Tick>& y_ticks, const Look& look) {
  const auto epochs = static_cast<double>(band.mean.size());
  const Scale x{1, std::max(2.0, epochs), 64, 704};
  std::string svg = format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 720 290' role='img' aria-label='%s'>", look.label);
  svg += kStyle;
  svg += axes(x, y, ticks(1, x.high), y_ticks, {"epoch", look.label});
  svg += format("<clipPath id='%s'><path d='M%.0f %.0fH%.0fV%.0fH%.0fz'/></clipPath><g clip-path='url(#%s)'>",
                look.name, x.from, y.to - 3, x.to + 3, y.from, x.from, look.name);
  svg += "<polygon points='" + points(x, y, band.high, false) + points(x, y, band.low, true) +
         format("' fill='%s' fill-opacity='.2'/>", look.colour);
  svg += "<polyline points='" + points(x, y, band.mean, false) +
         format("' fill='none' stroke='%s' stroke-width='2.5'><title>%s, mean of the splits</title></polyline>",
                look.colour, look.label);
  return svg + "</g></svg>";
}

}  // namespace

std::string loss_svg(const Training& training) {
  Band band = band_of(training, [](const TrainedSplit& split) { return split.losses; });
  for (auto* values : {&band.low, &band.mean, &band.high}) {
    for (double& value : *values) value = std::log10(std::max(value, 1e-9));
  }
  const double low = *std::min_element(band.low.begin(), band.low.end()),
               high = *std::max_element(band.high.begin(), band.high.end());
  return chart(band, {low - 0.05, high + 0.05, 240, 16}, log_ticks(low - 0.05, high + 0.05),
               {"loss", "training loss", kColours[0]});
}

std::string accuracy_svg(const Training& training) {
  const Band band = band_of(training, [](const TrainedSplit& split) { return split.accuracies; });
  // Where it ends high, the end is what there is to see.
  const double low = band.low.back() > 0.95 ? 0.9 : 0;
  return chart(band, {low, 1, 240, 16}, ticks(low, 1), {"accuracy", "held-out accuracy", kColours[1]});
}

}  // namespace nngpu::tool::quickstart
