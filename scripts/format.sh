#!/usr/bin/env bash
# Formats the C++ sources in place, or with --check says which ones are not formatted.
set -euo pipefail
cd "$(dirname "$0")/.."

# Versions of clang-format differ in details; 14 is Debian 12's and decides.
tool=clang-format
if command -v clang-format-14 >/dev/null; then tool=clang-format-14; fi

# Also what is not yet under version control, but nothing ignored.
files=()
while IFS= read -r -d '' file; do
  if [ -f "$file" ]; then files+=("$file"); fi
done < <(git ls-files -z --cached --others --exclude-standard -- '*.cpp' '*.h' '*.mm' '*.cu')

if [ ${#files[@]} -eq 0 ]; then exit 0; fi
if [ "${1-}" = --check ]; then
  "$tool" --dry-run -Werror "${files[@]}"
  echo "format: ${#files[@]} files are formatted"
else
  "$tool" -i "${files[@]}"
fi
