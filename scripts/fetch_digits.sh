#!/usr/bin/env bash
# Fetches the handwritten digits (1797 images of 8 x 8, "Optical recognition of handwritten digits", UCI) that
# scikit-learn carries: downloads the package and unpacks that one file, installing nothing.
# Usage: scripts/fetch_digits.sh FILE
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: $0 FILE" >&2
  exit 2
fi
target=$1
if [ -s "$target" ]; then exit 0; fi

mkdir -p "$(dirname "$target")"
directory=$(cd "$(dirname "$target")" && pwd)
work=$(mktemp -d "$directory/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
# apt drops its privileges for a download where it can.
chmod 755 "$work"

download_deb() { (cd "$work" && apt-get -qq download python3-sklearn 2>"$work/apt.log"); }

if command -v apt-get >/dev/null; then
  if ! download_deb; then
    # The lists of packages may be missing or too old to name a file that is still there.
    echo "fetch_digits: updating the lists of packages" >&2
    if [ "$(id -u)" -eq 0 ]; then
      apt-get -qq update
    elif command -v sudo >/dev/null; then
      sudo -n apt-get -qq update || true
    fi
    if ! download_deb; then
      cat "$work/apt.log" >&2
      echo "fetch_digits: could not download the Debian package python3-sklearn. As root: apt-get update;" >&2
      echo "fetch_digits: or put scikit-learn's digits.csv.gz at $target yourself." >&2
      exit 1
    fi
  fi
  member=./usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz
  dpkg-deb --fsys-tarfile "$work"/python3-sklearn_*.deb | tar -xOf - "$member" >"$work/digits.csv.gz"
else
  python3 -m pip download -q --no-deps --only-binary :all: -d "$work" scikit-learn
  unzip -p "$work"/scikit_learn-*.whl sklearn/datasets/data/digits.csv.gz >"$work/digits.csv.gz"
fi

rows=$(gzip -dc "$work/digits.csv.gz" | wc -l)
if [ "$rows" -ne 1797 ]; then
  echo "fetch_digits: expected 1797 rows in digits.csv.gz, found $rows" >&2
  exit 1
fi
mv -f "$work/digits.csv.gz" "$target"
