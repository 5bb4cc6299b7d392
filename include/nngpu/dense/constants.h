// The constants of Eigen's interface, with Eigen's values, so that either library's can be passed.
#ifndef NNGPU_DENSE_CONSTANTS_H_
#define NNGPU_DENSE_CONSTANTS_H_

namespace nngpu {

// Modes of triangularView and selfadjointView.
inline constexpr unsigned Lower = 1;
inline constexpr unsigned Upper = 2;
inline constexpr unsigned UnitDiag = 4;
inline constexpr unsigned ZeroDiag = 8;
inline constexpr unsigned UnitLower = UnitDiag | Lower;
inline constexpr unsigned UnitUpper = UnitDiag | Upper;
inline constexpr unsigned StrictlyLower = ZeroDiag | Lower;
inline constexpr unsigned StrictlyUpper = ZeroDiag | Upper;

// Options of bdcSvd and jacobiSvd.
inline constexpr unsigned ComputeFullU = 0x04;
inline constexpr unsigned ComputeThinU = 0x08;
inline constexpr unsigned ComputeFullV = 0x10;
inline constexpr unsigned ComputeThinV = 0x20;

// What info() of a solver returns; comparable with Eigen::Success and the others.
struct ComputationInfo {
  int value = 0;
  constexpr operator int() const { return value; }
};
inline constexpr ComputationInfo Success{0};
inline constexpr ComputationInfo NumericalIssue{1};
inline constexpr ComputationInfo NoConvergence{2};
inline constexpr ComputationInfo InvalidInput{3};

}  // namespace nngpu

#endif  // NNGPU_DENSE_CONSTANTS_H_
