# The kernels of most programs, compiled for the GPUs of NNGPU_CUDA_KERNELS when the library is built: a program that runs
# the library on a device that only compiles (src/backend/cuda/ahead). Beside the module, and installed with it.
function(nngpu_build_kernels)
  set(source "${PROJECT_SOURCE_DIR}/src/backend/cuda")
  set(tools "${PROJECT_SOURCE_DIR}/tools")
  file(GLOB ahead CONFIGURE_DEPENDS "${source}/ahead/*.cpp")
  add_executable(nngpu_build_kernels ${ahead} "${source}/nvrtc.cpp" "${tools}/quickstart/digits.cpp"
    "${tools}/quickstart/network.cpp" "${tools}/quickstart/progress.cpp" "${tools}/quickstart/with_nngpu.cpp")
  nngpu_compile_options(nngpu_build_kernels)
  target_include_directories(nngpu_build_kernels PRIVATE "${PROJECT_SOURCE_DIR}/src" "${tools}")
  target_link_libraries(nngpu_build_kernels PRIVATE nngpu::nngpu CUDA::nvrtc Threads::Threads)
  set(folder "${CMAKE_BINARY_DIR}/bin/nngpu-kernels")
  set(stamp "${CMAKE_BINARY_DIR}/kernels_ahead.txt")
  add_custom_command(OUTPUT "${stamp}"
    COMMAND nngpu_build_kernels "${folder}" ${NNGPU_CUDA_KERNELS}
    COMMAND ${CMAKE_COMMAND} -E touch "${stamp}"
    DEPENDS nngpu_build_kernels
    COMMENT "Compiling kernels for ${NNGPU_CUDA_KERNELS}" VERBATIM COMMAND_EXPAND_LISTS)
  add_custom_target(nngpu_kernels ALL DEPENDS "${stamp}")
  add_dependencies(nngpu_modules nngpu_kernels)
  if(NNGPU_INSTALL)
    install(DIRECTORY "${folder}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  endif()
endfunction()
