// The quickstart's figures, as a page and as a picture.
#ifndef NNGPU_TOOLS_QUICKSTART_REPORT_H_
#define NNGPU_TOOLS_QUICKSTART_REPORT_H_

#include <string>
#include <vector>

#include "quickstart/network.h"
#include "quickstart/pipeline.h"

namespace nngpu::tool::quickstart {

struct Summary {
  Outcome ours, eigen;
  std::vector<double> accuracies;  // a split
  double mean_accuracy = 0;
  double singular_value_error = 0;  // largest difference to Eigen's, of the largest singular value
  int64_t different_predictions = 0;
  Training training;  // without splits: none
  std::string device;
};

// The samples on their first two principal components, coloured by digit, as SVG.
std::string scatter_svg(const Outcome& outcome, const std::vector<int>& labels);

// Loss and accuracy by epoch, as SVG.
std::string loss_svg(const Training& training);
std::string accuracy_svg(const Training& training);

std::string report_html(const Summary& summary, const std::vector<int>& labels);

}  // namespace nngpu::tool::quickstart

#endif  // NNGPU_TOOLS_QUICKSTART_REPORT_H_
