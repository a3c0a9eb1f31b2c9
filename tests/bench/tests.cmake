# SPDX-License-Identifier: Apache-2.0
# Measurements, not tests: built only with -DSERASI_BENCH=ON and never run by CTest.
option(SERASI_BENCH "Build the measurements in tests/bench" OFF)
if(SERASI_BENCH)
    add_executable(bench-store ${CMAKE_CURRENT_LIST_DIR}/bench-store.c)
    target_include_directories(bench-store PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(bench-store PRIVATE serasi_flags serasi_store)
    add_executable(bench-crypto ${CMAKE_CURRENT_LIST_DIR}/bench-crypto.c)
    target_link_libraries(bench-crypto PRIVATE serasi_flags serasi_wire)
    add_library(serasi_stream STATIC ${CMAKE_CURRENT_LIST_DIR}/stream.c)
    target_include_directories(serasi_stream PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(serasi_stream PUBLIC serasi_core serasi_proto PRIVATE serasi_flags)
    add_executable(bench-replay ${CMAKE_CURRENT_LIST_DIR}/bench-replay.c)
    target_link_libraries(bench-replay PRIVATE serasi_flags serasi_stream serasi_wire serasi_store)
    set(bench_parts main tool site given crowd flow case emerg hostile alert conn backlog soak)
    list(TRANSFORM bench_parts PREPEND ${CMAKE_CURRENT_LIST_DIR}/bench-)
    list(TRANSFORM bench_parts APPEND .c)
    add_executable(serasi-bench ${bench_parts} ${CMAKE_CURRENT_LIST_DIR}/peer/zmtp.c
                   ${CMAKE_CURRENT_LIST_DIR}/peer/hop.c ${CMAKE_CURRENT_LIST_DIR}/peer/hop-bundle.c
                   ${CMAKE_CURRENT_LIST_DIR}/peer/hop-sign.c)
    target_include_directories(serasi-bench PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(serasi-bench PRIVATE serasi_flags serasi_stream serasi_base PkgConfig::SODIUM
                                               Threads::Threads)
endif()
