# SPDX-License-Identifier: Apache-2.0
# The real daemon. Each script runs against the plain build, and those of SANITIZED_TESTS once more
# against the builds in ${SERASI_SANITIZED}-address and -thread when that is given.
set(SERASI_SANITIZED "" CACHE PATH "Where the sanitized builds of the programs are: this name with -address and -thread behind it")
set(SYSTEM_TESTS tree conformance peers kill disk link move cli docs rules faults
                 power calls slow network partition stop descriptors clock journal
                 damage upgrade directory hostile signature rights ledger seal enrol
                 kill_keys awake)
set(SANITIZED_TESTS tree conformance peers kill signature)

function(system_test name label bin slow)
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/system/test_${name}.py)
        return()
    endif()
    add_test(NAME ${label}/${name}
             COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/system/test_${name}.py)
    set_tests_properties(${label}/${name} PROPERTIES LABELS ${label} TIMEOUT 900 COST 100 SKIP_RETURN_CODE 77
                         ENVIRONMENT "SERASI_BIN=${bin};SERASI_CHECK_HISTORY=${CMAKE_BINARY_DIR}/tests/check-history;SERASI_SLOW=${slow};PYTHONDONTWRITEBYTECODE=1;TSAN_OPTIONS=suppressions=${CMAKE_CURRENT_SOURCE_DIR}/tsan.supp halt_on_error=1 exitcode=66 ignore_noninstrumented_modules=1;ASAN_OPTIONS=detect_leaks=1;LSAN_OPTIONS=suppressions=${CMAKE_CURRENT_SOURCE_DIR}/lsan.supp")
endfunction()

foreach(name ${SYSTEM_TESTS})
    system_test(${name} system ${CMAKE_BINARY_DIR}/bin "")
endforeach()
if(SERASI_SANITIZED)
    foreach(name ${SANITIZED_TESTS})
        system_test(${name} address ${SERASI_SANITIZED}-address/bin 1)
        system_test(${name} thread ${SERASI_SANITIZED}-thread/bin 1)
    endforeach()
endif()

foreach(name install systemd demo peer)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/system/test-${name}.sh)
        add_test(NAME system/${name} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/system/test-${name}.sh
                 ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
        set_tests_properties(system/${name} PROPERTIES LABELS system TIMEOUT 300)
    endif()
endforeach()
