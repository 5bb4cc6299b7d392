#include "quickstart/report.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace nngpu::tool::quickstart {
namespace {

constexpr const char* kColours[kClasses] = {"#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f",
                                            "#c9a816", "#b07aa1", "#ff9da7", "#9c755f", "#6b6b6b"};

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof(text), pattern, arguments);
  va_end(arguments);
  return text;
}

// A linear scale from data to pixels.
struct Scale {
  double low, high, from, to;
  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

std::vector<double> ticks(double low, double high) {
  const double raw = (high - low) / 5;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = power;
  for (double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = power * factor;
    if (step >= raw) break;
  }
  std::vector<double> result;
  for (double t = std::ceil(low / step) * step; t <= high + 1e-9 * step; t += step)
    result.push_back(std::abs(t) < step / 2 ? 0 : t);
  return result;
}

std::string axes(const Scale& x, const Scale& y, const char* x_label, const char* y_label) {
  std::string svg;
  for (double t : ticks(x.low, x.high)) {
    svg += format("<line class='grid' x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f'/>", x(t), x(t), y.from, y.to);
    svg += format("<text x='%.1f' y='%.1f' text-anchor='middle'>%g</text>", x(t), y.from + 18, t);
  }
  for (double t : ticks(y.low, y.high)) {
    svg += format("<line class='grid' x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f'/>", x.from, x.to, y(t), y(t));
    svg += format("<text x='%.1f' y='%.1f' text-anchor='end'>%g</text>", x.from - 8, y(t) + 4, t);
  }
  svg +=
      format("<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>", (x.from + x.to) / 2, y.from + 40, x_label);
  const double middle = (y.from + y.to) / 2;
  svg += format("<text transform='translate(%.1f %.1f) rotate(-90)' text-anchor='middle'>%s</text>", x.from - 44,
                middle, y_label);
  return svg;
}

constexpr const char* kStyle =
    "<style>text{font:12px system-ui,sans-serif;fill:#555}.grid{stroke:#e6e6e6}"
    ".legend{font-weight:600}</style>";

std::string singular_values_svg(const std::vector<float>& values) {
  const auto count = static_cast<double>(values.size());
  const Scale x{0, count, 64, 704}, y{0, values.empty() ? 1.0 : values[0] * 1.05, 300, 16};
  std::string svg =
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 720 350' role='img' aria-label='Singular values'>";
  svg += kStyle;
  svg += axes(x, y, "component", "singular value");
  for (size_t i = 0; i < values.size(); ++i) {
    const double left = x(static_cast<double>(i) + 0.15), right = x(static_cast<double>(i) + 0.85),
                 top = y(values[i]);
    svg += format(
        "<rect x='%.1f' y='%.2f' width='%.1f' height='%.2f' fill='#4e79a7'><title>component %zu: "
        "%.4g</title></rect>",
        left, top, right - left, y.from - top, i + 1, static_cast<double>(values[i]));
  }
  return svg + "</svg>";
}

std::string timing_table(const Summary& summary) {
  std::string html = "<table><tr><th>step</th><th>nngpu</th><th>Eigen</th><th>Eigen / nngpu</th></tr>";
  for (size_t i = 0; i < summary.ours.timings.size(); ++i) {
    const double ours = summary.ours.timings[i].seconds, eigen = summary.eigen.timings[i].seconds;
    html += format("<tr><td>%s</td><td>%.3f ms</td><td>%.3f ms</td><td>%.2f</td></tr>",
                   summary.ours.timings[i].step.c_str(), ours * 1e3, eigen * 1e3, eigen / ours);
  }
  return html + "</table>";
}

std::string accuracy_list(const Summary& summary) {
  std::string html;
  for (size_t i = 0; i < summary.accuracies.size(); ++i) {
    html += format("%s%.4f", i > 0 ? ", " : "", summary.accuracies[i]);
  }
  return html;
}

constexpr const char* kPageStyle =
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}th,td{text-align:right;padding:.3rem .9rem;border-bottom:1px solid #ddd}"
    "th:first-child,td:first-child{text-align:left}h2{margin-top:2rem}svg{width:100%;height:auto}"
    ".key{font-size:1.6rem;font-weight:600}</style>";

}  // namespace

std::string scatter_svg(const Outcome& outcome, const std::vector<int>& labels) {
  double low[2] = {1e300, 1e300}, high[2] = {-1e300, -1e300};
  for (size_t i = 0; i < outcome.scores.size(); ++i) {
    low[i % 2] = std::min(low[i % 2], static_cast<double>(outcome.scores[i]));
    high[i % 2] = std::max(high[i % 2], static_cast<double>(outcome.scores[i]));
  }
  const Scale x{low[0] - 0.1, high[0] + 0.1, 64, 640}, y{low[1] - 0.1, high[1] + 0.1, 480, 16};
  std::string svg =
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 720 530' role='img' "
      "aria-label='Handwritten digits on their first two principal components'>";
  svg += std::string(kStyle) + "<rect width='720' height='530' fill='#fff'/>";
  svg += axes(x, y, "first principal component", "second principal component");
  for (size_t i = 0; i < labels.size(); ++i) {
    svg += format("<circle cx='%.1f' cy='%.1f' r='3' fill='%s' fill-opacity='.75'><title>%d</title></circle>",
                  x(outcome.scores[2 * i]), y(outcome.scores[2 * i + 1]), kColours[labels[i]], labels[i]);
  }
  for (int digit = 0; digit < kClasses; ++digit) {
    const double top = 40 + 24 * digit;
    svg += format("<circle cx='668' cy='%.0f' r='6' fill='%s'/><text class='legend' x='682' y='%.0f'>%d</text>",
                  top, kColours[digit], top + 4, digit);
  }
  return svg + "</svg>";
}

std::string report_html(const Summary& summary, const std::vector<int>& labels) {
  std::string html = "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>nngpu quickstart</title>";
  html += "<meta name='viewport' content='width=device-width'>";
  html += kPageStyle;
  html += "</head><body><h1>Handwritten digits with nngpu</h1>";
  html += format("<p>%zu images of 8 x 8 pixels, on %s.</p>", labels.size(), summary.device.c_str());
  html += format("<p class='key'>Mean held-out accuracy %.4f</p>", summary.mean_accuracy);
  html +=
      "<p>A linear classifier, fitted by a Cholesky solve of the regularised normal equations, on five stratified "
      "80/20 splits: " +
      accuracy_list(summary) + ".</p>";
  html += "<h2>Principal components</h2>" + scatter_svg(summary.ours, labels);
  html += "<h2>Singular values</h2>" + singular_values_svg(summary.ours.singular_values);
  html += "<h2>Time, against Eigen on the same machine</h2>" + timing_table(summary);
  html +=
      "<p>Medians of 9 runs. Eigen is compiled as this program is, for any processor of this kind rather than for "
      "this one; the project's benchmarks compare with Eigen at its best.</p>";
  html += "<h2>Checked against Eigen</h2><p>";
  html +=
      format("Largest difference of a singular value: %.2g of the largest one. Predictions that differ: %lld.</p>",
             summary.singular_value_error, static_cast<long long>(summary.different_predictions));
  return html + "</body></html>\n";
}

}  // namespace nngpu::tool::quickstart
