# The package as others use it: by find_package, pkg-config and add_subdirectory, static and shared. One at a time,
# because each of them builds.
find_program(NNGPU_PKG_CONFIG pkg-config)
mark_as_advanced(NNGPU_PKG_CONFIG)
set(launcher "")
if(NNGPU_CCACHE)
  set(launcher "${NNGPU_CCACHE}")
endif()
set(ways find_package add_subdirectory)
if(NNGPU_PKG_CONFIG)
  list(APPEND ways pkg_config)
else()
  nngpu_report("pkg-config" FALSE "" "nngpu.pc is not tested (pkgconf)")
endif()
foreach(flavour static shared)
  foreach(step install ${ways})
    set(name consumer.${step}.${flavour})
    add_test(NAME ${name}
      COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/consumer/run.sh ${step} ${flavour} ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}
        ${CMAKE_CURRENT_BINARY_DIR}/consumer)
    set_tests_properties(${name} PROPERTIES
      ENVIRONMENT "CXX=${CMAKE_CXX_COMPILER};NNGPU_BUILD_TYPE=${CMAKE_BUILD_TYPE};CCACHE=${launcher}"
      RESOURCE_LOCK nngpu_consumer TIMEOUT 1500)
    if(step STREQUAL "install")
      # Builds the library a second time for one flavour, so it starts first.
      set_tests_properties(${name} PROPERTIES FIXTURES_SETUP nngpu_installed_${flavour} COST 1000)
    elseif(NOT step STREQUAL "add_subdirectory")
      set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED nngpu_installed_${flavour})
    endif()
  endforeach()
endforeach()
