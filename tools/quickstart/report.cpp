#include "quickstart/report.h"

#include <algorithm>

#include "quickstart/format.h"
#include "quickstart/svg.h"

namespace nngpu::tool::quickstart {
namespace {

std::string singular_values_svg(const std::vector<float>& values) {
  const auto count = static_cast<double>(values.size());
  const Scale x{0, count, 64, 704}, y{0, values.empty() ? 1.0 : values[0] * 1.05, 300, 16};
  std::string svg =
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 720 350' role='img' aria-label='Singular values'>";
  svg += kStyle;
  svg += axes(x, y, ticks(x.low, x.high), ticks(y.low, y.high), {"component", "singular value"});
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

std::string listed(const std::vector<double>& accuracies) {
  std::string html;
  for (size_t i = 0; i < accuracies.size(); ++i) html += format("%s%.4f", i > 0 ? ", " : "", accuracies[i]);
  return html;
}

std::string network_section(const Training& training) {
  std::vector<double> accuracies;
  for (const TrainedSplit& split : training.splits) accuracies.push_back(split.accuracies.back());
  std::string html = "<h2>A convolutional network</h2>";
  html += format("<p class='key'>Mean held-out accuracy %.4f</p>", training.mean_accuracy);
  html += format(
      "<p>Three convolutions with batch normalization and a linear layer, %lld parameters, trained on each of the "
      "same "
      "splits from the beginning: %d epochs of AdamW on batches of %d images, which are moved by up to a pixel. "
      "Five networks took %.1f s. ",
      static_cast<long long>(training.parameters), training.epochs, kBatch, training.seconds);
  html += "Accuracy after the last epoch: " + listed(accuracies) + ".</p>";
  html += "<p>Lines are means over the splits, bands go from the lowest to the highest.</p>";
  return html + loss_svg(training) + accuracy_svg(training);
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
  svg += axes(x, y, ticks(x.low, x.high), ticks(y.low, y.high),
              {"first principal component", "second principal component"});
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
  html += "<h2>A linear classifier</h2>";
  html += format("<p class='key'>Mean held-out accuracy %.4f</p>", summary.mean_accuracy);
  html +=
      "<p>Fitted by a Cholesky solve of the regularised normal equations, on five stratified "
      "80/20 splits: " +
      listed(summary.accuracies) + ".</p>";
  if (!summary.training.splits.empty()) html += network_section(summary.training);
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
