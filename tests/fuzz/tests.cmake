# SPDX-License-Identifier: Apache-2.0
# Every fuzz-NAME.c is a libFuzzer target. The ordinary build runs it over tests/fuzz/corpus/NAME
# (CTest case fuzz/NAME, any compiler); with -DSERASI_FUZZ=ON and clang it becomes the real fuzzer
# (target `fuzzers`). README.md says how.
option(SERASI_FUZZ "Build the fuzzers with libFuzzer (needs clang)" OFF)

file(GLOB FUZZ_TARGETS CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/fuzz-*.c)
add_library(fuzz_world STATIC ${CMAKE_CURRENT_LIST_DIR}/broker-world.c)
target_include_directories(fuzz_world PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_SOURCE_DIR})
target_link_libraries(fuzz_world PUBLIC serasi_broker serasi_config serasi_net PRIVATE serasi_flags)

if(SERASI_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        message(FATAL_ERROR "SERASI_FUZZ needs clang: CC=clang cmake ... -DSERASI_FUZZ=ON")
    endif()
    set(fuzz_flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1)
    foreach(part base core law proto wire store net broker config)
        target_compile_options(serasi_${part} PRIVATE ${fuzz_flags} -fsanitize=fuzzer-no-link)
    endforeach()
    target_compile_options(fuzz_world PRIVATE ${fuzz_flags} -fsanitize=fuzzer-no-link)
    add_custom_target(fuzzers)
endif()

foreach(source ${FUZZ_TARGETS})
    get_filename_component(name ${source} NAME_WE)
    string(REPLACE "fuzz-" "" short ${name})
    if(short STREQUAL client) # over sockets of its own
        list(APPEND source ${CLIENT_SOURCES})
    endif()
    if(SERASI_FUZZ)
        add_executable(${name} EXCLUDE_FROM_ALL ${source})
        target_compile_options(${name} PRIVATE ${fuzz_flags} -fsanitize=fuzzer)
        target_link_options(${name} PRIVATE ${fuzz_flags} -fsanitize=fuzzer)
        add_dependencies(fuzzers ${name})
    else()
        add_executable(${name} ${source} ${CMAKE_CURRENT_LIST_DIR}/corpus-main.c)
        add_test(NAME fuzz/${short} COMMAND ${name} ${CMAKE_CURRENT_LIST_DIR}/corpus/${short})
        set_tests_properties(fuzz/${short} PROPERTIES LABELS fuzz TIMEOUT 300 ${TEST_COMPUTES})
    endif()
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} PRIVATE serasi_flags fuzz_world)
endforeach()

# Writes the seeds again: build/tests/make-corpus SOURCE_DIR
file(GLOB CORPUS_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/make-corpus*.c)
add_executable(make-corpus EXCLUDE_FROM_ALL ${CORPUS_SOURCES})
set_target_properties(make-corpus PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(make-corpus PRIVATE serasi_flags fuzz_world)
