#!/usr/bin/env bash
# Runs clang-tidy (settings in .clang-tidy) over the sources that a build folder's compile_commands.json lists.
# Usage: scripts/lint.sh BUILD_DIR [file ...]; without files, all of src/ and tools/.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$1
shift
if [ $# -gt 0 ]; then
  files=("$@")
else
  files=()
  while IFS= read -r -d '' file; do files+=("$file"); done < <(git ls-files -z -- 'src/*.cpp' 'tools/*.cpp')
fi
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "${JOBS:-2}" clang-tidy -p "$build" --quiet --warnings-as-errors='*'
