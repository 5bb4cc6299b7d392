// All vector functions: template <class D, class V> V Name(D d, V x), D of float or double with any lane count.
//
// Per-target header of Highway: include it between foreach_target.h and the code of a target.
#if defined(NNGPU_CPU_MATH_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_CPU_MATH_MATH_INL_H_
#undef NNGPU_CPU_MATH_MATH_INL_H_
#else
#define NNGPU_CPU_MATH_MATH_INL_H_
#endif

#include "backend/cpu/math/common-inl.h"
#include "backend/cpu/math/erf-inl.h"
#include "backend/cpu/math/exp-inl.h"
#include "backend/cpu/math/gamma-inl.h"
#include "backend/cpu/math/hyper-inl.h"
#include "backend/cpu/math/invtrig-inl.h"
#include "backend/cpu/math/log-inl.h"
#include "backend/cpu/math/mod-inl.h"
#include "backend/cpu/math/pow-inl.h"
#include "backend/cpu/math/scale-inl.h"
#include "backend/cpu/math/trig-inl.h"

#endif  // per-target include guard
