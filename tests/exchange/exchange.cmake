# Weights to and from PyTorch, which is no dependency: the test says that it is skipped unless NNGPU_TORCH_PYTHON names
# an interpreter that has it.
add_executable(nngpu_exchange ${CMAKE_CURRENT_LIST_DIR}/main.cpp)
nngpu_compile_options(nngpu_exchange)
target_link_libraries(nngpu_exchange PRIVATE nngpu::nngpu)
add_dependencies(nngpu_tests nngpu_exchange)
if(NNGPU_PYTHON)
  nngpu_add_test(exchange.weights_with_torch
    COMMAND ${NNGPU_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/weights_with_torch.py $<TARGET_FILE:nngpu_exchange>)
  set_tests_properties(exchange.weights_with_torch PROPERTIES SKIP_RETURN_CODE 77)
endif()
