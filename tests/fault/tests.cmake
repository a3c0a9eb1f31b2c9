# SPDX-License-Identifier: Apache-2.0
# The n-th allocation fails: programs whose allocations go through fault.c.
set(fault_wrapped exit malloc calloc realloc reallocarray strdup vasprintf asprintf free)
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
    set_tests_properties(fault/${short} PROPERTIES LABELS fault TIMEOUT 120)
endforeach()
