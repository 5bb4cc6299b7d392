// Polynomials and constants of the elementary functions, shared by every backend.
//
// Coefficients run from the lowest power. Each polynomial is a weighted least-squares fit on Chebyshev nodes in
// 50 digits, reweighted (Lawson) towards the minimax polynomial of the stated error; the coefficients are then
// rounded to the type from the lowest up, refitting the rest after each. The error given is the largest over the
// interval with the rounded coefficients and exact arithmetic, of the whole function unless said otherwise.
#ifndef NNGPU_OPS_MATH_TABLES_H_
#define NNGPU_OPS_MATH_TABLES_H_

#include <cstdint>

namespace nngpu::math_tables {

// ln 2 in two parts: the first has so few bits (15 of float, 40 of double) that its product with an exponent is
// exact.
inline constexpr float kLn2HiF32 = 0.69314575f;
inline constexpr float kLn2LoF32 = 1.4286068e-06f;
inline constexpr double kLn2HiF64 = 0.6931471805592082;
inline constexpr double kLn2LoF64 = 7.371002565167799e-13;

// log10(2), split in the same way.
inline constexpr float kLog10Of2HiF32 = 0.3010254f;
inline constexpr float kLog10Of2LoF32 = 4.605039e-06f;
inline constexpr double kLog10Of2HiF64 = 0.30102999566361177;
inline constexpr double kLog10Of2LoF64 = 3.694239077158931e-13;

// 1/ln(2) and 1/ln(10), rounded, and what the rounding left.
inline constexpr float kLog2EHiF32 = 1.442695f;
inline constexpr float kLog2ELoF32 = 1.925963e-08f;
inline constexpr double kLog2EHiF64 = 1.4426950408889634;
inline constexpr double kLog2ELoF64 = 2.0355273740931033e-17;
inline constexpr float kLog10EHiF32 = 0.4342945f;
inline constexpr float kLog10ELoF32 = -1.010305e-08f;
inline constexpr double kLog10EHiF64 = 0.4342944819032518;
inline constexpr double kLog10ELoF64 = 1.098319650216765e-17;

// pi/2 in three parts of full precision each, for reduction with a fused multiply-add; 2/pi.
inline constexpr float kPio2_1F32 = 1.5707964f;
inline constexpr float kPio2_2F32 = -4.371139e-08f;
inline constexpr float kPio2_3F32 = -1.7151245e-15f;
inline constexpr float kTwoOverPiF32 = 0.63661975f;
inline constexpr double kPio2_1F64 = 1.5707963267948966;
inline constexpr double kPio2_2F64 = 6.123233995736766e-17;
inline constexpr double kPio2_3F64 = -1.4973849048591698e-33;
inline constexpr double kTwoOverPiF64 = 0.6366197723675814;

// 1/3 less its double; ln(pi); ln(2 pi)/2; 2^(-1/3).
inline constexpr double kThirdLoF64 = 1.850371707708594e-17;
inline constexpr double kLogPiF64 = 1.1447298858494002;
inline constexpr double kHalfLog2PiF64 = 0.9189385332046728;
inline constexpr double kCbrtHalfF64 = 0.7937005259840998;

// The first 1280 bits of 2/pi after the binary point, for the reduction of Payne and Hanek (1983).
inline constexpr uint64_t kTwoOverPiBits[] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};

// exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2, relative; f32 error 2^-28.1.
inline constexpr float kExpF32[] = {0.49999994f, 0.16666518f, 0.04166828f, 0.008368996f, 0.0013819989f};

// exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2, relative; f64 error 2^-57.7.
inline constexpr double kExpF64[] = {0.5000000000000011,    0.16666666666666385,   0.04166666666652568,
                                     0.008333333333509562,  0.0013888888944974726, 0.0001984126948035604,
                                     2.480149154607869e-05, 2.75576040189749e-06,  2.763085265908635e-07,
                                     2.4996194774524465e-08};

// 2^r = 1 + r P(r), |r| <= 1/2, relative; f32 error 2^-27.8.
inline constexpr float kExp2F32[] = {0.6931472f,   0.24022642f,   0.055503577f,
                                     0.009619155f, 0.0013391916f, 0.00015160505f};

// 2^r = 1 + r P(r), |r| <= 1/2, relative; f64 error 2^-59.2.
inline constexpr double kExp2F64[] = {0.6931471805599453,     0.24022650695910064,    0.05550410866482293,
                                      0.009618129107632146,   0.0013333558146167471,  0.00015403530387220118,
                                      1.5252734033030645e-05, 1.3215491420753103e-06, 1.0177987465532894e-07,
                                      7.053303419513232e-09,  4.4652324535147784e-10, 2.7799281862413487e-11};

// sinh(r) = r + r^3 P(r^2), |r| <= ln(2)/2, relative; f32 error 2^-34.1.
inline constexpr float kSinhF32[] = {0.16666667f, 0.008333193f, 0.00019957559f};

// sinh(r) = r + r^3 P(r^2), |r| <= ln(2)/2, relative; f64 error 2^-61.6.
inline constexpr double kSinhF64[] = {0.16666666666666677, 0.00833333333332137, 0.00019841269886904342,
                                      2.755724330806124e-06, 2.5109391000953007e-08};

// cosh(r) = 1 + r^2 P(r^2), |r| <= ln(2)/2, relative; f32 error 2^-33.1.
inline constexpr float kCoshF32[] = {0.5f, 0.04166645f, 0.0013936162f};

// cosh(r) = 1 + r^2 P(r^2), |r| <= ln(2)/2, relative; f64 error 2^-57.9.
inline constexpr double kCoshF64[] = {0.5000000000000013, 0.041666666666510525, 0.0013888888948356494,
                                      2.480148847426891e-05, 2.7631835284408515e-07};

// log(1 + f) = f - f^2/2 + f^3 P(f), -1/4 <= f <= 1/2, relative; f32 error 2^-29.9.
inline constexpr float kLogFF32[] = {0.3333334f,   -0.25000167f, 0.19999585f,  -0.16655223f, 0.14276533f,
                                     -0.12729006f, 0.11699721f,  -0.09108742f, 0.037603103f};

// log((1 + s)/(1 - s)) = 2s + s^3 P(s^2), |s| <= 1/5, relative; f64 error 2^-62.5.
inline constexpr double kLogSF64[] = {0.666666666666666,   0.40000000000057134, 0.28571428555680534,
                                      0.22222224315421932, 0.18181664653752375, 0.15391153845246572,
                                      0.13172870121888558, 0.13848104959181046};

// atanh(s) = s + s^3 (1/3 + s^2 P(s^2)), |s| <= 1/5, relative; f64 error 2^-68.9.
inline constexpr double kLogDDF64[] = {0.19999999999999854,  0.14285714285792409, 0.11111111094984702,
                                       0.09090910818485091,  0.07692200625345039, 0.06670646832246245,
                                       0.057950862957056926, 0.0629230845696804};

// log((1 + s)/(1 - s)) = 2s + s^3 P(s^2), |s| <= 1/5, for pow of floats in double, relative; f64 error 2^-42.1.
inline constexpr double kLogPowF64[] = {0.6666666671078663, 0.39999984513855863, 0.28573193009164943,
                                        0.2213481980927194, 0.20126063153620619};

// sin(r) = r + r^3 P(r^2), |r| <= pi/4, relative; f32 error 2^-32.2.
inline constexpr float kSinF32[] = {-0.16666667f, 0.008333372f, -0.00019849828f, 2.798917e-06f};

// sin(r) = r + r^3 P(r^2), |r| <= pi/4, relative; f64 error 2^-57.7.
inline constexpr double kSinF64[] = {-0.16666666666666627,   0.008333333333321064,    -0.0001984126982868379,
                                     2.7557313291170055e-06, -2.5050694128217272e-08, 1.5893031968259332e-10};

// cos(r) = 1 - r^2/2 + r^4 P(r^2), |r| <= pi/4, relative; f32 error 2^-32.7.
inline constexpr float kCosF32[] = {0.041666646f, -0.0013887299f, 2.443032e-05f};

// cos(r) = 1 - r^2/2 + r^4 P(r^2), |r| <= pi/4, relative; f64 error 2^-63.7.
inline constexpr double kCosF64[] = {0.04166666666666658,   -0.001388888888887104,  2.480158728760273e-05,
                                     -2.75573138199738e-07, 2.0875652073144663e-09, -1.1356011359516753e-11};

// asin(s) = s + s^3 P(s^2), |s| <= 1/2, relative; f32 error 2^-31.7.
inline constexpr float kAsinF32[] = {0.1666666f,   0.07500517f,  0.044514675f,
                                     0.031825658f, 0.014373763f, 0.037603818f};

// asin(s) = s + s^3 P(s^2), |s| <= 1/2, relative; f64 error 2^-59.7.
inline constexpr double kAsinF64[] = {
    0.16666666666666766,  0.074999999999697,     0.044642857175543026, 0.030381942666504336, 0.022372216081264152,
    0.017351593354175947, 0.013981034476599624,  0.011397229599954269, 0.01078935579266626,  0.0036731093435146186,
    0.021786130165463918, -0.021107453586114534, 0.03269474034588353};

// atan(t) = t + t^3 P(t^2), |t| <= tan(pi/8), relative; f32 error 2^-30.4.
inline constexpr float kAtanF32[] = {-0.33333316f, 0.19998538f, -0.14244665f, 0.106014155f, -0.06095894f};

// atan(t) = t + t^3 P(t^2), |t| <= tan(pi/8), relative; f64 error 2^-59.4.
inline constexpr double kAtanF64[] = {-0.3333333333333319,  0.19999999999952664,  -0.1428571428012044,
                                      0.11111110780097198,  -0.09090897668902431, 0.07692058729959979,
                                      -0.06663087944436663, 0.05847776290106288,  -0.050388096724977044,
                                      0.03805226057015515,  -0.017893974098393432};

// erf(x) = x P(x^2), |x| <= 3/4, relative; f32 error 2^-24.0.
inline constexpr float kErfSmallF32[] = {1.1283791f,   -0.3761241f,   0.11281312f,
                                         -0.02675064f, 0.0049648657f, -0.00057822827f};

// erf(x) = x P(x^2), |x| <= 3/4, relative; f64 error 2^-55.9.
inline constexpr double kErfSmallF64[] = {1.1283791670955126,     -0.376126389031835,      0.1128379167094327,
                                          -0.026866170642592266,  0.005223977595248207,    -0.0008548324828940748,
                                          0.00012055230469354267, -1.4922506891581791e-05, 1.6399099733214598e-06,
                                          -1.55682723359368e-07,  8.97158676975015e-09,    7.330830779071903e-10};

// (1 + 2x) exp(x^2) erfc(x) = 5/4 + P(t), t = (x - 3.75)/(x + 3.75), 1/2 <= x <= 10.6, relative; the mapping is
// that of Shepherd and Laframboise (1981); f32 error 2^-26.4.
inline constexpr float kErfcF32[] = {-0.01248738f, -0.14024071f, 0.0035868827f, 0.08228253f,   -0.10883374f,
                                     0.09221749f,  -0.05851078f, 0.028882556f,  -0.010025398f, 0.0006241098f};

// (1 + 2x) exp(x^2) erfc(x) = 5/4 + P(t), t = (x - 3.75)/(x + 3.75), 1/2 <= x <= 28, relative; the mapping is that
// of Shepherd and Laframboise (1981); f64 error 2^-57.6.
inline constexpr double kErfcF64[] = {
    -0.012487369162172423,  -0.140240598585547,     0.0035854154854657165,   0.08227673849014833,
    -0.10880393014184879,   0.0923043211602983,     -0.05869339858671218,    0.02836227741972427,
    -0.009746579600952236,  0.0017556258506825988,  0.0002937140277792169,   -0.00029015409466327666,
    5.164721098231727e-05,  2.2384384859590565e-05, -1.1437856148127894e-05, -9.741302246361388e-07,
    1.7381743627181252e-06, -5.598152184233066e-08, -2.406408136812402e-07,  2.1704961458773375e-08,
    2.4685865104151386e-08, -2.6730807807396932e-09};

// lgamma(2 + u) = u P(u), |u| <= 1/2, relative; f64 error 2^-56.5.
inline constexpr double kLgammaF64[] = {
    0.42278433509846713,     0.3224670334241132,     -0.06735230105319696,    0.020580808427786864,
    -0.007385551028750266,   0.0028905103306105444,  -0.0011927539093835797,  0.0005096695284540724,
    -0.00022315479602257686, 9.945745276357416e-05,  -4.4925890590421764e-05, 2.050780379312803e-05,
    -9.44129106805471e-06,   4.371236098394331e-06,  -2.034564600692224e-06,  9.689064295095366e-07,
    -4.510649639438038e-07,  1.8164217891165726e-07, -1.1668883628612959e-07, 8.136799834564055e-08};

// lgamma(x) = (x - 1/2) log(x) - x + log(2 pi)/2 + P(1/x^2)/x, x >= 8, absolute; f64 error 2^-60.6.
inline constexpr double kStirlingF64[] = {0.08333333333333333,    -0.0027777777777665356, 0.0007936507857502654,
                                          -0.0005952356429747179, 0.0008413581973123963,  -0.0018834701439110816,
                                          0.004859497098070133,   0.002231374559644078};

// m^(-1/3) = P(m), 3/4 <= m < 3/2, relative; f32 error 2^-11.9.
inline constexpr float kCbrtInvF32[] = {1.696759f, -1.1878021f, 0.6210235f, -0.13007353f};

// m^(-1/3) = P(m), 3/4 <= m < 3/2, relative; f64 error 2^-17.4.
inline constexpr double kCbrtInvF64[] = {1.9601893485323545,  -2.297664693444676, 2.432814456435869,
                                         -1.5590404360866474, 0.542581152782981,  -0.078881331110915};

// tanh(x) = 2pq / (p^2 + q^2) with p = x P(x^2), q = Q(x^2), a rational approximation of tanh(x/2) = p/q on
// [0, 9.05]; erf in the same form on [0, 3.93]. The form damps the error of p/q towards 1, and cannot exceed it by
// more than rounding. Fitted like the polynomials, linearised with the last denominator as weight (Sanathanan and
// Koerner); both polynomials then scaled by the common factor with the smallest error after rounding. f32 error,
// weighted with the damping, 2^-31.3 and 2^-24.6 before rounding.
inline constexpr float kTanhPF32[] = {0.93138725f, 0.029463224f, 0.00015229422f, 8.5658485e-08f};
inline constexpr float kTanhQF32[] = {1.8627745f, 0.21415766f, 0.0026279436f, 5.3099116e-06f};
inline constexpr float kErfPF32[] = {0.5f, 0.14279279f, 0.015214801f, 0.0012719935f};
inline constexpr float kErfQF32[] = {0.8862269f, 0.26640907f, 0.044848442f, 0.0059556374f, 9.98534e-05f};

}  // namespace nngpu::math_tables

#endif  // NNGPU_OPS_MATH_TABLES_H_
