# SPDX-License-Identifier: Apache-2.0
# How programs find libserasi: pkg-config (libserasi) and find_package(serasi). The library and its
# headers are installed by the top CMakeLists.txt.
set(SERASI_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/serasi)

configure_file(${CMAKE_CURRENT_LIST_DIR}/libserasi.pc.in ${CMAKE_BINARY_DIR}/libserasi.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/libserasi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/serasi-config.cmake.in
                              ${CMAKE_BINARY_DIR}/serasi-config.cmake
                              INSTALL_DESTINATION ${SERASI_CMAKE_DIR})
# Before 1.0 a new minor version may change what programs see.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/serasi-config-version.cmake
                                 VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/serasi-config.cmake ${CMAKE_BINARY_DIR}/serasi-config-version.cmake
        DESTINATION ${SERASI_CMAKE_DIR})
install(EXPORT serasi-targets NAMESPACE serasi:: DESTINATION ${SERASI_CMAKE_DIR})
