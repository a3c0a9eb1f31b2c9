# SPDX-License-Identifier: Apache-2.0
# Worlds of brokers over a virtual clock and network. More seeds: build/tests/test-sim --seeds 1000
file(GLOB SIM_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sim/*.c)
add_executable(test-sim ${SIM_SOURCES})
set_target_properties(test-sim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_include_directories(test-sim PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(test-sim PRIVATE serasi_flags serasi_broker)
add_test(NAME sim/seeds COMMAND test-sim --seeds 40)
set_tests_properties(sim/seeds PROPERTIES LABELS sim TIMEOUT 600)
