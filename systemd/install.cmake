# SPDX-License-Identifier: Apache-2.0
# Where the files of the system go. With the prefix /usr these are the places Debian wants; with any
# other prefix they stay below it, and the unit names the programs where they are.
set(SERASI_SYSTEMD_DIR ${CMAKE_INSTALL_PREFIX}/lib)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(SERASI_CONF_DIR /etc/serasi)
else()
    set(SERASI_CONF_DIR ${CMAKE_INSTALL_FULL_SYSCONFDIR}/serasi)
endif()

file(READ ${CMAKE_SOURCE_DIR}/systemd/serasid.service SERASI_UNIT)
string(REPLACE "/usr/bin/" "${CMAKE_INSTALL_FULL_BINDIR}/" SERASI_UNIT "${SERASI_UNIT}")
string(REPLACE "/etc/serasi/" "${SERASI_CONF_DIR}/" SERASI_UNIT "${SERASI_UNIT}")
string(REPLACE "--dir /etc/serasi " "--dir ${SERASI_CONF_DIR} " SERASI_UNIT "${SERASI_UNIT}")
file(WRITE ${CMAKE_BINARY_DIR}/systemd/serasid.service "${SERASI_UNIT}")

install(FILES ${CMAKE_BINARY_DIR}/systemd/serasid.service DESTINATION ${SERASI_SYSTEMD_DIR}/systemd/system)
install(FILES systemd/serasid.sysusers DESTINATION ${SERASI_SYSTEMD_DIR}/sysusers.d RENAME serasid.conf)
install(FILES systemd/serasid.tmpfiles DESTINATION ${SERASI_SYSTEMD_DIR}/tmpfiles.d RENAME serasid.conf)
install(FILES systemd/serasid.catalog systemd/serasid.id.catalog DESTINATION ${SERASI_SYSTEMD_DIR}/systemd/catalog)
# The commented defaults are documentation: an installation must never replace a configuration.
install(FILES daemon/serasid.conf DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES daemon/serasid.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES daemon/serasid.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES daemon/serasictl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
