// The results as a table, JSON, Markdown and a chart.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "harness.h"

namespace nngpu::bench {
namespace {

std::string duration(double seconds) {
  char text[32];
  if (seconds < 1e-3)
    std::snprintf(text, sizeof(text), "%.2f us", seconds * 1e6);
  else if (seconds < 1)
    std::snprintf(text, sizeof(text), "%.2f ms", seconds * 1e3);
  else
    std::snprintf(text, sizeof(text), "%.2f s", seconds);
  return text;
}

bool missed(const Result& r) {
  const bool slow = r.target > 0 && r.best() != nullptr && r.ratio() < r.target;
  const bool far = r.share_target > 0 && r.share() < r.share_target;
  return slow || far;
}

std::string target_text(const Result& r) {
  char text[64] = "";
  if (r.target > 0 && r.share_target > 0)
    std::snprintf(text, sizeof(text), "%.2f, %.0f%%", r.target, r.share_target * 100);
  else if (r.target > 0)
    std::snprintf(text, sizeof(text), "%.2f", r.target);
  else if (r.share_target > 0)
    std::snprintf(text, sizeof(text), "%.0f%%", r.share_target * 100);
  return text;
}

}  // namespace

void print_header() {
  std::printf("%-52s %10s %21s %10s %-18s %7s %7s %10s %s\n", "operation", "ours", "quartiles", "best peer", "",
              "ratio", "floor", "target", "launches");
}

void print_row(const Result& r) {
  const auto* best = r.best();
  const std::string range = duration(r.ours.lower) + " - " + duration(r.ours.upper);
  std::printf("%-52s %10s %21s %10s %-18.18s %7.2f %6.0f%% %10s %lld%s\n", r.operation.c_str(),
              duration(r.ours.median).c_str(), range.c_str(),
              best != nullptr ? duration(best->second.median).c_str() : "",
              best != nullptr ? best->first.c_str() : "", r.ratio(), r.share() * 100, target_text(r).c_str(),
              static_cast<long long>(r.launches), missed(r) ? "  MISSED" : "");
  std::fflush(stdout);
}

std::string to_json(const Harness& harness) {
  const Machine& m = harness.machine();
  nlohmann::json json{{"machine",
                       {{"copy_bandwidth", m.copy_bandwidth},
                        {"read_bandwidth", m.read_bandwidth},
                        {"peak_f32", m.peak_f32},
                        {"peak_f64", m.peak_f64}}}};
  const auto timing = [](const Timing& t) {
    return nlohmann::json{{"lower", t.lower}, {"median", t.median}, {"upper", t.upper}};
  };
  for (const Result& r : harness.results()) {
    nlohmann::json row{{"group", r.group},       {"operation", r.operation}, {"ours", timing(r.ours)},
                       {"launches", r.launches}, {"ratio", r.ratio()},       {"floor_share", r.share()},
                       {"missed", missed(r)}};
    for (const auto& [name, t] : r.peers) row["peers"][name] = timing(t);
    json["results"].push_back(row);
  }
  return json.dump(1) + "\n";
}

std::string to_markdown(const Harness& harness) {
  const Machine& m = harness.machine();
  char line[512];
  std::snprintf(
      line, sizeof(line),
      "Copy bandwidth %.1f GB/s, read bandwidth %.1f GB/s, matmul peak %.0f GFLOP/s f32, %.0f GFLOP/s f64.\n",
      m.copy_bandwidth / 1e9, m.read_bandwidth / 1e9, m.peak_f32 / 1e9, m.peak_f64 / 1e9);
  std::string text = line;
  std::string group;
  for (const Result& r : harness.results()) {
    if (r.group != group) {
      group = r.group;
      text += "\n### " + group +
              "\n\n| operation | ours | best peer | | ratio | of the floor | target | launches |\n"
              "|---|---|---|---|---|---|---|---|\n";
    }
    const auto* best = r.best();
    std::snprintf(line, sizeof(line), "| %s | %s | %s | %s | %.2f%s | %.0f%% | %s | %lld |\n", r.operation.c_str(),
                  duration(r.ours.median).c_str(), best != nullptr ? duration(best->second.median).c_str() : "",
                  best != nullptr ? best->first.c_str() : "", r.ratio(), missed(r) ? " (missed)" : "",
                  r.share() * 100, target_text(r).c_str(), static_cast<long long>(r.launches));
    text += line;
  }
  return text;
}

// Ratios to the best peer on a logarithmic axis, one bar a row.
std::string to_svg(const Harness& harness) {
  std::vector<const Result*> rows;
  for (const Result& r : harness.results()) {
    if (r.best() != nullptr) rows.push_back(&r);
  }
  const double height = 40 + 16.0 * static_cast<double>(rows.size());
  const auto x = [](double ratio) { return 560 + 110 * std::log2(std::min(16.0, std::max(0.25, ratio))); };
  char line[512];
  std::snprintf(line, sizeof(line),
                "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1040 %.0f'><style>text{font:11px "
                "system-ui,sans-serif;fill:#444}"
                "</style><rect width='1040' height='%.0f' fill='#fff'/>",
                height, height);
  std::string svg = line;
  for (double tick : {0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0}) {
    std::snprintf(line, sizeof(line),
                  "<line x1='%.1f' x2='%.1f' y1='24' y2='%.0f' stroke='%s'/><text x='%.1f' y='16' "
                  "text-anchor='middle'>%gx</text>",
                  x(tick), x(tick), height, tick == 1 ? "#888" : "#e4e4e4", x(tick), tick);
    svg += line;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const double y = 30 + 16.0 * static_cast<double>(i), from = std::min(x(1), x(rows[i]->ratio())),
                 to = std::max(x(1), x(rows[i]->ratio()));
    std::snprintf(line, sizeof(line),
                  "<text x='330' y='%.1f' text-anchor='end'>%s</text><rect x='%.1f' y='%.1f' width='%.1f' "
                  "height='11' fill='%s'/>",
                  y + 9, rows[i]->operation.c_str(), from, y, std::max(1.0, to - from),
                  rows[i]->ratio() >= 1 ? "#4e79a7" : "#e15759");
    svg += line;
  }
  return svg + "</svg>\n";
}

}  // namespace nngpu::bench
