# SPDX-License-Identifier: Apache-2.0
# Measurements, not tests: built only with -DSERASI_BENCH=ON and never run by CTest.
option(SERASI_BENCH "Build the measurements in tests/bench" OFF)
if(SERASI_BENCH)
    add_executable(bench-store ${CMAKE_CURRENT_LIST_DIR}/bench-store.c)
    target_link_libraries(bench-store PRIVATE serasi_flags serasi_store)
    add_executable(bench-broker ${CMAKE_CURRENT_LIST_DIR}/bench-broker.c)
    target_link_libraries(bench-broker PRIVATE serasi_flags serasi_wire serasi_net)
endif()
