#!/usr/bin/env bash
# Builds and runs the consumer project one way. Usage: run.sh STEP FLAVOUR SOURCE BUILD WORK
#   STEP     install | find_package | pkg_config | add_subdirectory
#   FLAVOUR  static | shared
#   SOURCE   nngpu's sources; BUILD its build folder, installed from where it has the flavour; WORK a scratch folder
# CXX and NNGPU_BUILD_TYPE say how; CCACHE, if set, is the compiler cache that keeps the second library build cheap.
set -euo pipefail

step=$1 flavour=$2 source=$3 build=$4 work=$5
consumer=$source/tests/consumer
prefix=$work/$flavour/prefix
shared=OFF
if [ "$flavour" = shared ]; then shared=ON; fi

configure() {
  local log=$work/$flavour/$step.log
  mkdir -p "$work/$flavour"
  # Quiet unless it fails.
  cmake -G Ninja -DCMAKE_BUILD_TYPE="$NNGPU_BUILD_TYPE" -DCMAKE_CXX_COMPILER="$CXX" -DBUILD_SHARED_LIBS=$shared \
    ${CCACHE:+-DCMAKE_CXX_COMPILER_LAUNCHER="$CCACHE"} "$@" >"$log" 2>&1 || {
    cat "$log"
    exit 1
  }
}

# The program must use the library it was built for: a shared consumer loads libnngpu, a static one does not.
check_and_run() {
  local program=$1 loaded=no libraries
  "$program"
  if [ "$(uname -s)" = Darwin ]; then
    libraries=$(otool -L "$program")
  else
    libraries=$(ldd "$program")
  fi
  case $libraries in *libnngpu*) loaded=yes ;; esac
  if [ "$flavour" = shared ] && [ $loaded = no ]; then
    echo "the program does not load the shared libnngpu: $libraries" >&2
    exit 1
  fi
  if [ "$flavour" = static ] && [ $loaded = yes ]; then
    echo "the program loads a shared libnngpu: $libraries" >&2
    exit 1
  fi
  # On Debian the OpenMP build of OpenBLAS comes from its own folder, whatever the machine's default is.
  if [ -d "/usr/lib/$(uname -m)-linux-gnu/openblas-openmp" ]; then
    case $libraries in
      */openblas-openmp/libopenblas*) ;;
      *)
        echo "the program loads another OpenBLAS than the OpenMP build: $libraries" >&2
        exit 1
        ;;
    esac
  fi
}

case $step in
  install)
    rm -rf "$prefix"
    tree=$build
    if ! grep -q "^BUILD_SHARED_LIBS:BOOL=$shared" "$build/CMakeCache.txt"; then
      tree=$work/$flavour/library
      configure -S "$source" -B "$tree" -DNNGPU_BUILD_TESTS=OFF -DNNGPU_BUILD_TOOLS=OFF -DNNGPU_BUILD_EXAMPLES=OFF \
        -DNNGPU_BUILD_BENCH=OFF
      cmake --build "$tree"
    fi
    cmake --install "$tree" --prefix "$prefix"
    # An installation may be moved: what follows must not need the folder it was made in.
    rm -rf "$prefix.moved"
    mv "$prefix" "$prefix.moved"
    ;;
  find_package)
    rm -rf "${work:?}/$flavour/$step"
    configure -S "$consumer" -B "$work/$flavour/$step" -DCMAKE_PREFIX_PATH="$prefix.moved"
    cmake --build "$work/$flavour/$step"
    check_and_run "$work/$flavour/$step/consumer"
    ;;
  add_subdirectory)
    configure -S "$consumer" -B "$work/$flavour/$step" -DNNGPU_SOURCE="$source"
    cmake --build "$work/$flavour/$step"
    check_and_run "$work/$flavour/$step/consumer"
    ;;
  pkg_config)
    mkdir -p "$work/$flavour/$step"
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix.moved" -name nngpu.pc)")
    export PKG_CONFIG_PATH
    libdir=$(pkg-config --variable=libdir nngpu)
    rpath=()
    # As for any library outside the system's folders, the program says where to find the shared one.
    if [ "$flavour" = shared ]; then rpath=("-Wl,-rpath,$libdir"); fi
    # The flags are words, to be split.
    # shellcheck disable=SC2046
    "$CXX" -std=c++20 $(pkg-config --cflags nngpu) "$consumer/main.cpp" -o "$work/$flavour/$step/consumer" \
      $(pkg-config --libs nngpu) ${rpath[@]+"${rpath[@]}"}
    check_and_run "$work/$flavour/$step/consumer"
    ;;
  *)
    echo "run.sh: unknown step $step" >&2
    exit 2
    ;;
esac
