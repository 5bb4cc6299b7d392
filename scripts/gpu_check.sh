#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: the suite of operations on it, then one test a kernel under compute-sanitizer's
# memcheck and racecheck. Fails if a test does, if the sanitizer finds something, or if a kernel was not reached.
#
#   scripts/gpu_check.sh [--programs build/release/bin] [--device cuda] [--jobs N] [--seconds N] [--suite-only]
#     [--kernels-only]
#
# At most about --seconds (300) for each of the three; 16 processes at a time (--jobs) unless the machine has fewer
# cores. Without compute-sanitizer, or on the simulated device, the tests run by themselves.
set -uo pipefail
cd "$(dirname "$0")/.."

programs=build/release/bin device=cuda jobs=$(nproc) seconds=300 suite=1 kernels=1
[ "$jobs" -gt 16 ] && jobs=16
while [ $# -gt 0 ]; do
  case "$1" in
    --programs) programs=$2; shift 2 ;;
    --device) device=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --suite-only) kernels=0; shift ;;
    --kernels-only) suite=0; shift ;;
    *) sed -n '2,10p' "$0"; exit 2 ;;
  esac
done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
export NNGPU_DEVICE=$device OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
failures=0

# Runs the lines of a file as commands, $jobs at a time; a command that fails leaves its output in $work/failed.
run_all() {
  local name=$1 commands=$2 start=$SECONDS count
  count=$(wc -l <"$commands")
  mkdir -p "$work/failed"
  export GPU_CHECK_WORK=$work GPU_CHECK_END=$((SECONDS + seconds)) GPU_CHECK_START=$SECONDS GPU_CHECK_EPOCH
  GPU_CHECK_EPOCH=$(date +%s)
  xargs -P "$jobs" -d '\n' -I{} bash -c '
    left=$((GPU_CHECK_END - GPU_CHECK_START - ($(date +%s) - GPU_CHECK_EPOCH)))
    log=$(mktemp "$GPU_CHECK_WORK/log.XXXXXX")
    if [ "$left" -lt 1 ]; then echo "{}" >>"$GPU_CHECK_WORK/not_run"; exit 0; fi
    if ! timeout "$left" {} >"$log" 2>&1; then { echo "### $?: {}"; tail -40 "$log"; } >"$GPU_CHECK_WORK/failed/${log##*.}"; fi
  ' <"$commands"
  local failed
  failed=$(find "$work/failed" -type f | wc -l)
  local late=0
  [ -f "$work/not_run" ] && late=$(wc -l <"$work/not_run")
  printf '%s: %d of %d failed, %d not reached in time, %d s\n' "$name" "$failed" "$count" "$late" $((SECONDS - start))
  find "$work/failed" -type f -exec cat {} +
  failures=$((failures + failed + late))
  rm -rf "$work/failed" "$work/not_run"
}

if [ "$suite" = 1 ]; then
  # More shares than processes: the long ones do not wait for each other.
  shares=$((jobs * 6))
  for ((i = 0; i < shares; i++)); do
    echo "env GTEST_TOTAL_SHARDS=$shares GTEST_SHARD_INDEX=$i $programs/nngpu_suite_test --gtest_brief=1"
  done >"$work/suite"
  run_all "suite on $device" "$work/suite"
fi

# The texts a run uses are dumped with their kernels; files without a kernel are parts of others.
not_covered() {
  local path kernel
  for path in src/backend/gpu/kernels/*.kl; do
    # What a vendor's decompositions leave; the simulated device has no vendor.
    [ "$device" = sim ] && [ "$(basename "$path")" = vendor.kl ] && continue
    kernel=$(grep -o -m 1 '^KERNEL([a-z0-9_]*' "$path") || continue
    grep -qrF "$kernel," "$1" || basename "$path" .kl
  done
}

if [ "$kernels" = 1 ]; then
  sanitizer=$(command -v compute-sanitizer || true)
  [ "$device" = sim ] && sanitizer=
  for tool in memcheck racecheck; do
    dump=$work/texts.$tool
    while read -r program filter; do
      case "$program" in '' | '#'*) continue ;; esac
      prefix="env NNGPU_KERNEL_DUMP=$dump"
      [ -n "$sanitizer" ] && prefix="$prefix $sanitizer --tool $tool --error-exitcode 9 --print-limit 5"
      echo "$prefix $programs/nngpu_${program}_test --gtest_brief=1 --gtest_filter=$filter"
    done <scripts/gpu_check_tests.txt >"$work/$tool"
    run_all "${sanitizer:+$tool of }kernels on $device" "$work/$tool"
    missing=$(not_covered "$dump")
    if [ -n "$missing" ]; then
      printf 'kernels that no test reached: %s\n' "$(echo $missing)"
      failures=$((failures + 1))
    fi
    [ -z "$sanitizer" ] && break
  done
fi
[ "$failures" = 0 ] && echo "gpu_check: all passed"
[ "$failures" = 0 ]
