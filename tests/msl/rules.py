"""The checker of kernel texts as the Metal Shading Language: what it accepts, and that it refuses what Apple's compiler
would, each for its reason. Most of the texts that are refused are good CUDA."""
import sys

from _checker import Text, check, find_clang

GOOD = """
struct Loop {
  i64 size[2];
  i32 step;
};
struct Total {
  float high, low;
  METHOD float sum() { return high + low; }
};
template <class V>
FN V larger(V x, V y) { return x > y ? x : y; }
FN float first_of(THREADGROUP const float* values, DEVICE const f16* x, i64 at) { return values[0] + widen(x[at]); }
FN Total total_of(float x) {
  Total t;
  t.high = x;
  t.low = 0.0f;
  return t;
}
KERNEL(good, INPUT(f16, x, 0), OUTPUT(Total, y, 1), OUTPUT(u32, status, 2), SCALAR(Loop, loop, 3),
       SCALAR(i64, address, 4)) {
  SHARED(float, values, [32][33]);
  SHARED(Total, totals, [32]);
  if (loop.step < 0) return;
  DEVICE const float* other = (DEVICE const float*)address;
  const i64 i = (i64)bid.x * bdim.x + tid.x;
  Total own = total_of(i < loop.size[0] ? other[i] : 0.5f);
  UNROLL
  for (u32 mask = 16; mask > 0; mask >>= 1) own.high = larger(own.high, simd_shuffle_xor(own.high, mask));
  values[warp][lane] = own.high;
  totals[warp] = own;
  BARRIER();
  own = totals[lane];
  own.low = first_of(values[0], x, i) + ng_erf(own.sum());
  const u64 wide = simd_shuffle((u64)i, 3u);
  if (wide > 3) atomic_max(status, 1u);
  if (i < loop.size[0]) y[i] = own;
}
"""

FRAME = """
%s
KERNEL(text, INPUT(float, x, 0), OUTPUT(float, y, 1), SCALAR(i32, n, 2)) {
  SHARED(float, values, [32]);
  %s
  BARRIER();
  y[0] = values[0];
}
"""


def helper(text):
    return FRAME % (text, "")


def inside(text):
    return FRAME % ("", text)


REFUSED = [
    ("a pointer without device", inside("const float* p = x + 1; y[1] = p[0];"), "address space"),
    ("a pointer to a local without a space", inside("float a[2]; float* p = a; p[0] = 1.0f;"), "address space"),
    ("a parameter without device", helper("FN float f(const float* p) { return p[0]; }"), "address space"),
    ("a parameter without threadgroup",
     FRAME % ("FN float f(DEVICE const float* p) { return p[0]; }", "y[1] = f(values);"), "no matching function"),
    ("a cast without device", inside("y[1] = ((const float*)x)[0];"), "address space"),
    ("a reference without a space", helper("FN void f(float& p) { p = 1.0f; }"), "address space"),
    ("device for threadgroup", inside("DEVICE float* p = values;"), "cannot initialize"),
    ("double", inside("double d = 1.0f; y[1] = (float)d;"), "double"),
    ("a constant without suffix", inside("y[1] = x[0] * 0.5;"), "suffix"),
    ("a constant with an exponent alone", inside("y[1] = x[0] * 1e3;"), "suffix"),
    ("expf", inside("y[1] = expf(x[0]);"), "expf"),
    ("exp of nothing", inside("y[1] = exp(x[0]);"), "undeclared identifier 'exp'"),
    ("std::exp", inside("y[1] = std::exp(x[0]);"), "std"),
    ("a lambda", inside("y[1] = [&](float a) { return a + 1.0f; }(x[0]);"), "lambda"),
    ("a lambda with a name", inside("const auto f = [](float a) { return a; }; y[1] = f(x[0]);"), "lambda"),
    ("a mutable global", helper("float counter = 0.0f;"), "outside of functions"),
    ("a global that is only const", helper("const float kHalf = 0.5f;"), "outside of functions"),
    ("a static local", inside("static float a; a = x[0];"), "static"),
    ("recursion", helper("FN i32 f(i32 a) { return a > 0 ? f(a - 1) : 0; }"), "calls itself"),
    ("mutual recursion",
     helper("FN i32 g(i32 a);\nFN i32 f(i32 a) { return g(a); }\nFN i32 g(i32 a) { return f(a); }"), "calls itself"),
    ("a function pointer", helper("FN float f(float (*g)(float)) { return g(1.0f); }"), "function pointer"),
    ("long long", inside("long long a = 1; y[1] = (float)a;"), "long long"),
    ("CUDA's barrier", inside("__syncthreads();"), "__syncthreads"),
    ("CUDA's ids", inside("y[threadIdx.x] = 0.0f;"), "CUDA"),
    ("ids in a helper", helper("FN u32 f() { return tid.x; }"), "undeclared identifier 'tid'"),
    ("shared memory in a helper", helper("FN void f() { SHARED(float, a, [4]); }"), "outside of a kernel"),
    ("shared memory in a block", inside("if (n > 0) { SHARED(float, a, [4]); a[0] = 1.0f; }"), "inner block"),
    ("too much shared memory", inside("SHARED(float, a, [8192]); a[0] = 1.0f;"), "32768"),
    ("writing to an input", "KERNEL(t, INPUT(float, x, 0)) { x[0] = 1.0f; }", "read-only"),
    ("writing to a scalar", inside("n = 3;"), "const-qualified"),
    ("numbers of arguments out of order", "KERNEL(t, OUTPUT(float, y, 1), SCALAR(i32, n, 0)) { y[0] = (float)n; }",
     "numbered"),
    ("a number of an argument twice", "KERNEL(t, OUTPUT(float, y, 0), SCALAR(i32, n, 0)) { y[0] = (float)n; }",
     "numbered"),
    ("a thread that returns before a barrier", inside("const u32 i = bid.x * bdim.x + tid.x; if (i > 3) return;"),
     "before a barrier"),
    ("a struct of either space",
     FRAME % ("struct Pair { float a, b; };\nFN Pair none() { Pair p; p.a = p.b = 0.0f; return p; }",
              "DEVICE Pair* pairs = (DEVICE Pair*)y; Pair p = n > 0 ? pairs[0] : none(); y[1] = p.a;"), "incompatible"),
    ("a keyword of Metal as a name", inside("float half = 0.5f; y[1] = half;"), "expected"),
    ("a plain value through an atomic", inside("metal::atomic_fetch_add_explicit((DEVICE u32*)y, 1u, "
                                               "metal::memory_order_relaxed);"), "atomic_fetch_add"),
    ("a wide value through Metal's shuffle", inside("y[1] = (float)metal::simd_shuffle((i64)n, (ushort)1);"),
     "ambiguous"),
    ("an atomic's old value where there is none", inside("u64 a = atomic_add((DEVICE u64*)y, (u64)1);"), "void"),
    ("goto", inside("goto end; end: y[1] = 0.0f;"), "goto"),
    ("new", inside("y[1] = *new float;"), "new"),
    ("virtual", helper("struct A { virtual float f() { return 1.0f; } };"), "virtual"),
    ("C++17", inside("if constexpr (MAX_THREADS > 3) y[1] = 0.0f;"), "C++17"),
    ("double in a kernel for others", inside("\n#if HAS_DOUBLE\n y[1] = 2.0f;\n#endif\n"), "HAS_DOUBLE"),
    ("a float function for others", helper("\n#if HAS_DOUBLE\nFN float f(float a) { return a; }\n#endif\n"),
     "HAS_DOUBLE"),
]


def main():
    clang = find_clang()
    if clang is None:
        print("skipped: there is no clang")
        return 77
    texts = [Text("good", "#define MAX_THREADS 256\n", GOOD)]
    texts += [Text(f"refused{i}", "", body) for i, (_, body, _) in enumerate(REFUSED)]
    errors = check(texts, clang)
    failures = errors.get("dialect", []) + errors.get("good", [])
    for i, (what, _, reason) in enumerate(REFUSED):
        found = errors.get(f"refused{i}", [])
        if not any(reason in error.split(": ", 1)[1] for error in found):
            failures.append(f"{what} is not refused for '{reason}', but: {found}")
    for failure in failures:
        print(failure)
    print(f"{len(REFUSED)} refused texts, with {clang}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
