# SPDX-License-Identifier: Apache-2.0
# Histories of clients and their judge; check-history judges files. unit/test-history.c tests it.
file(GLOB HISTORY_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/history*.c)
add_library(serasi_history STATIC ${HISTORY_SOURCES})
target_include_directories(serasi_history PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(serasi_history PUBLIC serasi_base PRIVATE serasi_flags)
target_include_directories(serasi_history PUBLIC ${CMAKE_SOURCE_DIR}/src)
add_executable(check-history ${CMAKE_CURRENT_LIST_DIR}/check-history.c)
set_target_properties(check-history PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(check-history PRIVATE serasi_flags serasi_history)
