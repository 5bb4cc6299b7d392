// A small convolutional network, trained on the digits.
#ifndef NNGPU_TOOLS_QUICKSTART_NETWORK_H_
#define NNGPU_TOOLS_QUICKSTART_NETWORK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "quickstart/digits.h"

namespace nngpu::tool::quickstart {

inline constexpr int kEpochs = 15, kBatch = 64;

// One training on one split.
struct TrainedSplit {
  std::vector<double> losses;      // mean over the batches of each epoch
  std::vector<double> accuracies;  // held out, after each epoch; the last one is the result
  double seconds = 0;
};

struct Training {
  std::vector<TrainedSplit> splits;
  int64_t parameters = 0;
  int epochs = 0;
  double mean_accuracy = 0, seconds = 0;
};

// Trains one network a split, each from the beginning and by itself: the figures do not depend on the number of
// threads. Shows on stderr how far it is.
Training train_networks(const Digits& digits, const std::vector<Split>& splits, int epochs);

}  // namespace nngpu::tool::quickstart

#endif  // NNGPU_TOOLS_QUICKSTART_NETWORK_H_
