// A table of a model's layers: names, result shapes, parameters.
#ifndef NNGPU_NN_SUMMARY_H_
#define NNGPU_NN_SUMMARY_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "nngpu/nn/module.h"

namespace nngpu::nn {

struct Summary {
  struct Row {
    std::string name;        // "" for the model itself
    std::string layer;       // describe()
    int depth = 0;           // 0 for the model itself
    Shape output;            // of this call
    int64_t parameters = 0;  // of this layer alone; 0 where an earlier row counted them
  };
  std::vector<Row> rows;                // in the order of the calls
  int64_t parameters = 0, buffers = 0;  // elements of the whole model
  int64_t bytes = 0;                    // of both
};

// Traces the model on an input of that shape: nothing is computed, and no state changes. Submodules that the model
// calls by another way than operator() are not seen. Errors are those of the call.
Summary summary(const Module& model, const Shape& input, DType dtype = DType::F32);
std::ostream& operator<<(std::ostream& out, const Summary& summary);

}  // namespace nngpu::nn

#endif  // NNGPU_NN_SUMMARY_H_
