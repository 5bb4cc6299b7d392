// Side-by-side timing: one case runs this library and its peers in turn, round after round, on the same data.
#ifndef NNGPU_BENCH_HARNESS_H_
#define NNGPU_BENCH_HARNESS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nngpu::bench {

// One contender. `run` does the whole operation once and leaves its result where the compiler must believe it is
// used; inputs rotate inside it.
struct Contender {
  std::string name;
  std::function<void()> run;
};

struct Case {
  std::string group;        // lines of the report are grouped by it
  std::string operation;    // "matmul f32 1024"
  double bytes = 0;         // that must be moved, for the floor by bandwidth
  double flops = 0;         // that must be computed, for the floor by the matmul peak
  bool f64 = false;         // which peak
  double target = 0;        // the ratio to reach; 0: none
  double share_target = 0;  // the share of the floor to reach; 0: none
  std::function<void()> ours;
  std::vector<Contender> peers;
};

struct Timing {
  double lower = 0, median = 0, upper = 0;  // quartiles, seconds
};

struct Result {
  std::string group, operation;
  Timing ours;
  int64_t launches = 0;  // kernels our run really launched
  std::vector<std::pair<std::string, Timing>> peers;
  double floor = 0;  // seconds; 0 where there is none
  double target = 0, share_target = 0;
  const std::pair<std::string, Timing>* best() const;
  double ratio() const;  // best peer's median / ours; 0 without peers
  double share() const;  // floor / ours; 0 without a floor
};

// What the machine can do, measured before the cases.
struct Machine {
  double copy_bandwidth = 0;  // bytes a second, read plus written; the faster of memcpy and streaming stores
  double read_bandwidth = 0;
  double peak_f32 = 0, peak_f64 = 0;  // FLOP/s of the fastest matrix product found
};

class Harness {
 public:
  Harness(int rounds, Machine machine) : rounds_(rounds), machine_(machine) {}
  void run(const Case& c);
  const std::vector<Result>& results() const { return results_; }
  const Machine& machine() const { return machine_; }

 private:
  int rounds_;
  Machine machine_;
  std::vector<Result> results_;
};

Machine measure_machine();

// Throws std::runtime_error where other work keeps the processor busy.
void refuse_if_loaded();

void print_header();
void print_row(const Result& result);
std::string to_json(const Harness& harness);
std::string to_svg(const Harness& harness);
std::string to_markdown(const Harness& harness);

}  // namespace nngpu::bench

#endif  // NNGPU_BENCH_HARNESS_H_
