#!/usr/bin/env bash
# Runs every fuzz target of a build folder for a bounded time. Usage: scripts/fuzz.sh BUILD_DIR [SECONDS_EACH]
# Inputs in fuzz/corpus/<target>/ are the start; new ones stay in the build folder. A finding stops the run and
# is left under BUILD_DIR/fuzz-findings/.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$1
seconds=${2:-20}
findings=$build/fuzz-findings
mkdir -p "$findings"
ran=0
for program in "$build"/bin/*_fuzz; do
  [ -x "$program" ] || continue
  name=$(basename "$program")
  corpus=$build/fuzz-corpus/$name
  mkdir -p "$corpus"
  seeds=()
  if [ -d "fuzz/corpus/$name" ]; then seeds=("fuzz/corpus/$name"); fi
  echo "fuzz: $name, $seconds s"
  # One log a target, shown only where something was found: libFuzzer is talkative.
  if ! "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$findings/$name-" "$corpus" ${seeds[@]+"${seeds[@]}"} >"$findings/$name.log" 2>&1; then
    tail -60 "$findings/$name.log" >&2
    echo "fuzz: $name failed; the input is under $findings" >&2
    exit 1
  fi
  grep -E 'number_of_executed_units' "$findings/$name.log" || true
  ran=$((ran + 1))
done
echo "fuzz: $ran targets ran without a finding"
