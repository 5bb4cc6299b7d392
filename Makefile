# The whole project in a few commands: `make help` lists them. CMake does the work; its presets (CMakePresets.json)
# are what to use from an IDE.

PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
FUZZ_SECONDS ?= 20
DATA := build/data/digits.csv.gz
NNGPU := build/release/bin/nngpu
CTEST := ctest --output-on-failure --no-tests=error -j $(JOBS)

export JOBS

.DEFAULT_GOAL := help
.PHONY: help setup demo data test asan tsan fuzz bench bench-quick bench-kernels build install format format-check \
  lint clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything that is missing (apt as root or through sudo; Homebrew on macOS)
	@scripts/setup.sh all

demo: ## Build, then the main job on real data: handwritten digits, by PCA, a classifier and a network; writes report.html
	@scripts/setup.sh demo
	@scripts/fetch_digits.sh $(DATA)
	@cmake --preset release -DNNGPU_BUILD_TESTS=OFF -DNNGPU_BUILD_EXAMPLES=OFF -DNNGPU_BUILD_BENCH=OFF >build/configure.log \
	  || { cat build/configure.log; exit 1; }
	cmake --build --preset release -j $(JOBS) --target nngpu_tool
	$(NNGPU) quickstart --data $(DATA) --report report.html

data: ## Fetch the handwritten digits into the build folder
	@scripts/fetch_digits.sh $(DATA)

build: ## Build everything in Release
	@scripts/setup.sh demo test
	cmake --preset release -DNNGPU_BUILD_TESTS=ON -DNNGPU_BUILD_EXAMPLES=ON
	cmake --build --preset release -j $(JOBS)

test: data build ## Build and run every test
	$(CTEST) --test-dir build/release

asan: data ## The same tests under the address and undefined-behaviour sanitizers, and the fuzz targets built
	@scripts/setup.sh demo test check
	cmake --preset asan
	cmake --build --preset asan -j $(JOBS)
	$(CTEST) --test-dir build/asan

# The simulated device runs a block's threads one after another on one thread: there is nothing to find, slowly.
tsan: data ## The same tests under the thread sanitizer, but for the simulated device's
	@scripts/setup.sh demo test check
	cmake --preset tsan
	cmake --build --preset tsan -j $(JOBS)
	$(CTEST) --test-dir build/tsan -E _sim

fuzz: ## Run each fuzz target for FUZZ_SECONDS (20)
	@scripts/setup.sh demo test check
	cmake --preset asan
	cmake --build --preset asan -j $(JOBS) --target fuzz_all
	scripts/fuzz.sh build/asan $(FUZZ_SECONDS)

bench-build:
	@scripts/setup.sh demo bench
	cmake --preset release -DNNGPU_BUILD_BENCH=ON
	cmake --build --preset release -j $(JOBS) --target bench_all

bench: bench-build ## The full benchmark against Eigen, OpenBLAS, oneDNN, Armadillo
	build/release/bin/nngpu_bench --markdown bench.md
	/usr/bin/python3 bench/scipy_peers.py bench.json

bench-quick: bench-build ## A part of it, in at most 10 minutes
	build/release/bin/nngpu_bench --quick

bench-kernels: ## Build the benchmarks of single kernels (build/release/bin/kernel_*)
	@scripts/setup.sh demo bench
	cmake --preset release -DNNGPU_BUILD_BENCH=ON
	cmake --build --preset release -j $(JOBS) --target bench_kernels

install: ## Build the library and the command and install them under PREFIX (/usr/local)
	@scripts/setup.sh demo
	cmake --preset release
	cmake --build --preset release -j $(JOBS) --target nngpu nngpu_tool nngpu_modules
	cmake --install build/release --prefix '$(PREFIX)'

format: ## Format the C++ sources
	@scripts/setup.sh check
	scripts/format.sh

format-check: ## Say which C++ sources are not formatted
	@scripts/setup.sh check
	scripts/format.sh --check

lint: ## clang-tidy over src/ and tools/
	@scripts/setup.sh demo test check
	cmake --preset asan >/dev/null
	scripts/lint.sh build/asan

clean: ## Remove all build output
	rm -rf build
