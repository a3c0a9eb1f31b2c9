# SPDX-License-Identifier: Apache-2.0
# The n-th allocation fails: programs whose allocations go through fault.c.
set(fault_wrapped malloc calloc realloc reallocarray strdup vasprintf asprintf free)
list(TRANSFORM fault_wrapped PREPEND "-Wl,--wrap=")
file(GLOB FAULT_TESTS CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test-fault-*.c)
foreach(source ${FAULT_TESTS})
    get_filename_component(name ${source} NAME_WE)
    string(REPLACE "test-fault-" "" short ${name})
    add_executable(${name} ${source} ${CMAKE_CURRENT_LIST_DIR}/fault.c)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_SOURCE_DIR})
    target_compile_definitions(${name} PRIVATE TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_link_libraries(${name} PRIVATE serasi_flags fuzz_world PkgConfig::JANSSON PkgConfig::SQLITE
                          PkgConfig::CMOCKA)
    target_link_options(${name} PRIVATE ${fault_wrapped})
    add_test(NAME fault/${short} COMMAND ${name})
    set_tests_properties(fault/${short} PROPERTIES LABELS fault TIMEOUT 300 ${TEST_COMPUTES} COST 50)
endforeach()

# What sits under the real daemon in tests/system: a disk and a clock on order. Loaded by
# LD_PRELOAD, so it takes the C library's place for some calls.
file(GLOB PRELOAD_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/preload-*.c)
add_library(serasi-preload MODULE ${PRELOAD_SOURCES})
set_target_properties(serasi-preload PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_include_directories(serasi-preload PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(serasi-preload PRIVATE serasi_flags Threads::Threads)
