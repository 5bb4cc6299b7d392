# How tests run: nngpu_add_test(<name> COMMAND ... [SHARDS n] [TIMEOUT seconds] [WORKING_DIRECTORY dir]
# [ENVIRONMENT name=value...]).

set(NNGPU_TEST_ENV
  # Two threads, so that parallel code is parallel; waiting ones must not spin on cores that other tests need.
  OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=0
  # The real data set, where `make data` has fetched it.
  "NNGPU_DIGITS=${PROJECT_SOURCE_DIR}/build/data/digits.csv.gz"
  # Kernels of the simulated device: from the tests before, never from elsewhere.
  "NNGPU_CACHE_DIR=${CMAKE_BINARY_DIR}/kernels")
if(NNGPU_SANITIZE)
  set(asan_options strict_string_checks=1)
  if(NOT APPLE)
    # Apple's clang stops at options that its runtime lacks.
    string(APPEND asan_options ":detect_leaks=1:check_initialization_order=1")
  endif()
  list(APPEND NNGPU_TEST_ENV
    "ASAN_OPTIONS=${asan_options}"
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0"
    "UBSAN_OPTIONS=print_stacktrace=1"
    # A replay holds the Variables of its plan, in the order of their addresses; the search for cycles of locks dies of
    # the 64th that a thread holds.
    "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp:ignore_noninstrumented_modules=1:halt_on_error=1:detect_deadlocks=0")
endif()

function(nngpu_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SHARDS;TIMEOUT;WORKING_DIRECTORY" "COMMAND;ENVIRONMENT")
  if(NOT arg_SHARDS)
    set(arg_SHARDS 1)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 1200)
  endif()
  if(NOT arg_WORKING_DIRECTORY)
    set(arg_WORKING_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}")
  endif()
  set(environment ${NNGPU_TEST_ENV})
  if(TARGET nngpu_tool)
    list(APPEND environment "NNGPU_TOOL=$<TARGET_FILE:nngpu_tool>")
  endif()
  math(EXPR last "${arg_SHARDS} - 1")
  foreach(shard RANGE ${last})
    set(test ${name})
    set(sharding)
    if(arg_SHARDS GREATER 1)
      set(test ${name}.${shard})
      set(sharding GTEST_TOTAL_SHARDS=${arg_SHARDS} GTEST_SHARD_INDEX=${shard})
    endif()
    add_test(NAME ${test} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${arg_WORKING_DIRECTORY}")
    set_tests_properties(${test} PROPERTIES ENVIRONMENT "${environment};${sharding};${arg_ENVIRONMENT}" TIMEOUT ${arg_TIMEOUT})
  endforeach()
endfunction()
