// The benchmark's cases, by subject. `quick` leaves out the long ones.
#ifndef NNGPU_BENCH_CASES_H_
#define NNGPU_BENCH_CASES_H_

#include "harness.h"

namespace nngpu::bench {

void run_products(Harness& harness, bool quick);
void run_elementwise(Harness& harness, bool quick);
void run_functions(Harness& harness, bool quick);
void run_decompositions(Harness& harness, bool quick);
void run_batches(Harness& harness, bool quick);
void run_engine(Harness& harness, bool quick);

}  // namespace nngpu::bench

#endif  // NNGPU_BENCH_CASES_H_
