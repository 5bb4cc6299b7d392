# Installs the library, its headers, the command, and what find_package and pkg-config need.
include(CMakePackageConfigHelpers)

set(nngpu_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/nngpu")
install(TARGETS nngpu EXPORT nngpuTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT nngpuTargets NAMESPACE nngpu:: DESTINATION ${nngpu_cmake_dir})

get_target_property(nngpu_type nngpu TYPE)
set(NNGPU_CONFIG_DEPS "")
if(nngpu_type STREQUAL "STATIC_LIBRARY")
  set(NNGPU_CONFIG_DEPS "${NNGPU_RUNTIME_DEPS}")
endif()
configure_package_config_file(cmake/nngpuConfig.cmake.in "${PROJECT_BINARY_DIR}/nngpuConfig.cmake"
  INSTALL_DESTINATION ${nngpu_cmake_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/nngpuConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/nngpuConfig.cmake" "${PROJECT_BINARY_DIR}/nngpuConfigVersion.cmake"
  cmake/nngpuDependencies.cmake DESTINATION ${nngpu_cmake_dir})

# pkg-config: what a static library needs, every program must link (Libs); what a shared one needs, it brings itself.
set(NNGPU_PC_PRIVATE "")
foreach(name ${NNGPU_RUNTIME_DEPS})
  if(name STREQUAL "blas" AND NNGPU_USE_ACCELERATE)
    list(APPEND NNGPU_PC_PRIVATE "-framework Accelerate")
  elseif(DEFINED NNGPU_${name}_LIBRARY)
    get_filename_component(directory "${NNGPU_${name}_LIBRARY}" DIRECTORY)
    if(name STREQUAL "blas")
      # By its full path, and found there at run time too: the plain name may mean another build.
      list(APPEND NNGPU_PC_PRIVATE "${NNGPU_${name}_LIBRARY}" "-Wl,-rpath,${directory}")
    else()
      if(NOT directory IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
        list(APPEND NNGPU_PC_PRIVATE "-L${directory}")
      endif()
      get_filename_component(base "${NNGPU_${name}_LIBRARY}" NAME_WE)
      string(REGEX REPLACE "^lib" "" base "${base}")
      list(APPEND NNGPU_PC_PRIVATE "-l${base}")
    endif()
  endif()
endforeach()
if(NNGPU_OPENMP_LIBRARY MATCHES "/libgomp\\.")
  # It lives in a folder of the compiler's version, which the compiler knows.
  list(APPEND NNGPU_PC_PRIVATE -lgomp)
else()
  list(APPEND NNGPU_PC_PRIVATE "${NNGPU_OPENMP_LIBRARY}")
endif()
list(APPEND NNGPU_PC_PRIVATE -pthread)
if(CMAKE_DL_LIBS)
  list(APPEND NNGPU_PC_PRIVATE -l${CMAKE_DL_LIBS})
endif()
list(JOIN NNGPU_PC_PRIVATE " " NNGPU_PC_PRIVATE)
set(NNGPU_PC_LIBS "-L\${libdir} -lnngpu")
if(nngpu_type STREQUAL "STATIC_LIBRARY")
  # Only the static library is installed, so a program that does not say --static gets it too.
  string(APPEND NNGPU_PC_LIBS " ${NNGPU_PC_PRIVATE}")
  set(NNGPU_PC_PRIVATE "")
endif()
# The prefix is told from the file's own place, so the installation can be moved.
file(RELATIVE_PATH NNGPU_PC_PREFIX
  "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" NNGPU_PC_PREFIX "${NNGPU_PC_PREFIX}")
foreach(dir LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
    set(NNGPU_PC_${dir} "${CMAKE_INSTALL_${dir}}")
  else()
    set(NNGPU_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
configure_file(cmake/nngpu.pc.in "${PROJECT_BINARY_DIR}/nngpu.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/nngpu.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
