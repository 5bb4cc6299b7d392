# Embeds text files in the library: a .cpp file of pairs (path, text), written again when a text changes.

# nngpu_embed(<output.cpp> <base directory> <file>...)
function(nngpu_embed output base)
  add_custom_command(OUTPUT "${output}"
    COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${output}" "-DBASE=${base}" "-DFILES=${ARGN}"
      -P "${PROJECT_SOURCE_DIR}/cmake/nngpuEmbedScript.cmake"
    DEPENDS ${ARGN} "${PROJECT_SOURCE_DIR}/cmake/nngpuEmbedScript.cmake"
    COMMENT "Embedding the kernels' texts" VERBATIM)
endfunction()
