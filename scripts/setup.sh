#!/usr/bin/env bash
# Installs what nngpu needs and the machine lacks. Usage: scripts/setup.sh [demo|test|check|bench|all]...
#   demo   compiler and libraries for the library and the nngpu command
#   test   what the tests need beside that
#   check  clang with its sanitizers, formatter and linter
#   bench  peers of the benchmarks
#   all    everything (the default)
# On Debian and its relatives with apt, as root or through sudo; on macOS with Homebrew.
set -euo pipefail

groups=("$@")
if [ ${#groups[@]} -eq 0 ]; then groups=(all); fi

# The sanitizers' runtime is packaged by clang's version: the one the package clang means, 14 on Debian 12.
clang_version() {
  local version
  version=$(apt-cache show clang 2>/dev/null | sed -n 's/^Depends:.*clang-\([0-9]*\).*/\1/p' | head -n 1 || true)
  echo "${version:-14}"
}

# What the tests read kernel texts with: a recent clang where there is one.
recent_clang() {
  if apt-cache show clang-19 >/dev/null 2>&1; then echo clang-19; else echo clang; fi
}

packages=()
add() { packages+=("$@"); }

apt_packages() {
  case $1 in
    demo)
      add g++ cmake ninja-build make ccache libopenblas-openmp-dev libhwy-dev libzip-dev zlib1g-dev \
        libfast-float-dev libeigen3-dev libcli11-dev nlohmann-json3-dev
      ;;
    test) add libgtest-dev libmpfr-dev libgmp-dev pkgconf python3 python3-numpy "$(recent_clang)" ;;
    check) add clang libomp-dev "libclang-rt-$(clang_version)-dev" llvm lld clang-format clang-tidy ;;
    bench) add libbenchmark-dev libdnnl-dev libarmadillo-dev python3 python3-numpy python3-scipy ;;
  esac
}

brew_packages() {
  case $1 in
    demo) add cmake ninja ccache libomp highway libzip fast_float eigen cli11 nlohmann-json ;;
    test) add googletest mpfr gmp pkgconf numpy ;;
    check) add llvm ;;
    bench) add google-benchmark armadillo scipy ;;
  esac
}

collect() {
  local group
  for group in "${groups[@]}"; do
    case $group in
      demo | test | check | bench) "$1" "$group" ;;
      all)
        "$1" demo
        "$1" test
        "$1" check
        "$1" bench
        ;;
      *)
        echo "setup: unknown group '$group' (demo, test, check, bench or all)" >&2
        exit 2
        ;;
    esac
  done
}

if [ "$(uname -s)" = Darwin ]; then
  if ! command -v brew >/dev/null; then
    echo "setup: Homebrew is needed to install the dependencies, and 'brew' was not found" >&2
    exit 1
  fi
  collect brew_packages
  missing=()
  for package in "${packages[@]}"; do
    brew list --formula "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "setup: installing ${missing[*]}"
    HOMEBREW_NO_AUTO_UPDATE=1 brew install "${missing[@]}"
  fi
  exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  collect apt_packages
  echo "setup: this machine has no apt. Install the equivalents of these Debian packages yourself, and build with" >&2
  echo "setup: CMake (see README.md): ${packages[*]}" >&2
  exit 1
fi

collect apt_packages
missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

install=(apt-get install -y --no-install-recommends "${missing[@]}")
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  elif command -v sudo >/dev/null && [ -t 0 ]; then
    as_root=(sudo)  # asks for the password
  else
    echo "setup: packages are missing, and installing them needs root. Run this as root, then try again:" >&2
    echo "  apt-get update && ${install[*]}" >&2
    exit 1
  fi
fi

echo "setup: installing ${missing[*]}"
# env, because sudo drops the variable; a lock that another apt holds is waited for.
run=(${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive)
"${run[@]}" apt-get -o DPkg::Lock::Timeout=300 -qq update
"${run[@]}" "${install[0]}" -o DPkg::Lock::Timeout=300 -qq "${install[@]:1}" >/dev/null
