# Compiler, linker and OpenMP settings of the build itself.

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  find_program(NNGPU_CCACHE ccache)
  mark_as_advanced(NNGPU_CCACHE)
  if(NNGPU_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${NNGPU_CCACHE}")
  endif()
  if(NOT APPLE)
    find_program(NNGPU_LLD ld.lld)
    mark_as_advanced(NNGPU_LLD)
    if(NNGPU_LLD)
      add_link_options(-fuse-ld=lld)
    endif()
  endif()
endif()

if(NNGPU_SANITIZE)
  add_compile_options(-fsanitize=${NNGPU_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${NNGPU_SANITIZE})
  if(NNGPU_SANITIZE MATCHES "undefined")
    # A finding must fail the test. (float-cast-overflow and float-divide-by-zero are not in the group: dividing by
    # zero is defined by IEEE 754, which this library follows.)
    add_compile_options(-fno-sanitize-recover=all)
  endif()
endif()

# Options of every target that is ours. Contraction is off: a*b+c must round twice wherever it is written so, or
# results would differ between instruction sets; where one rounding is wanted the code says fma.
function(nngpu_compile_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Werror=switch -Wno-psabi -ffp-contract=off -fno-math-errno)
  if(NOT APPLE)
    # In a shared library all symbols stay visible, because the public headers are free of export macros; calls
    # inside the library bind directly all the same.
    target_compile_options(${target} PRIVATE -fno-semantic-interposition)
  endif()
  if(NNGPU_HWY_DISABLED_TARGETS)
    target_compile_definitions(${target} PRIVATE "HWY_DISABLED_TARGETS=(${NNGPU_HWY_DISABLED_TARGETS})")
  endif()
endfunction()

# OpenMP::OpenMP_CXX, with one OpenMP runtime in the process. OpenBLAS and oneDNN are linked against GCC's libgomp.
# With clang our code would bring LLVM's libomp as a second runtime beside it: two teams of threads, and under the
# thread sanitizer false reports from the one it does not know. libomp also implements libgomp's interface, so
# programs of this build find it under libgomp's name first.
macro(nngpu_find_openmp)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  list(GET OpenMP_CXX_LIBRARIES 0 NNGPU_OPENMP_LIBRARY)
  if(NOT APPLE AND CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND PROJECT_IS_TOP_LEVEL)
    file(REAL_PATH "${NNGPU_OPENMP_LIBRARY}" nngpu_libomp)
    set(nngpu_omp_dir "${CMAKE_BINARY_DIR}/openmp")
    file(MAKE_DIRECTORY "${nngpu_omp_dir}")
    file(CREATE_LINK "${nngpu_libomp}" "${nngpu_omp_dir}/libgomp.so.1" SYMBOLIC)
    # The older DT_RPATH, because it also holds for the libraries that our libraries need.
    list(APPEND CMAKE_BUILD_RPATH "${nngpu_omp_dir}")
    add_link_options(-Wl,--disable-new-dtags)
  endif()
endmacro()

# Stops unless the OpenBLAS found is the OpenMP build: the others start threads of their own beside ours.
function(nngpu_check_openblas)
  if(CMAKE_CROSSCOMPILING)
    message(WARNING "nngpu: cross-compiling, so ${NNGPU_blas_LIBRARY} was not checked to be OpenBLAS's OpenMP build")
    return()
  endif()
  cmake_push_check_state(RESET)
  get_filename_component(directory "${NNGPU_blas_LIBRARY}" DIRECTORY)
  set(CMAKE_REQUIRED_LIBRARIES "${NNGPU_blas_LIBRARY}" "-Wl,-rpath,${directory}")
  check_cxx_source_runs("
    extern \"C\" int openblas_get_parallel(void);
    int main() { return openblas_get_parallel() == 2 ? 0 : 1; }" NNGPU_OPENBLAS_IS_OPENMP)
  cmake_pop_check_state()
  if(NOT NNGPU_OPENBLAS_IS_OPENMP)
    message(FATAL_ERROR "${NNGPU_blas_LIBRARY} is not the OpenMP build of OpenBLAS. On Debian install "
      "libopenblas-openmp-dev; elsewhere set NNGPU_blas_LIBRARY to a build made with USE_OPENMP=1. "
      "(Remove NNGPU_OPENBLAS_IS_OPENMP from the cache, or use a fresh build folder, after that.)")
  endif()
endfunction()
