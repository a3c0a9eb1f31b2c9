# SPDX-License-Identifier: Apache-2.0
# Every scenario/NAME-*.txt is one case, scenario/NAME, over real brokers.
function(scenario_test name)
    add_test(NAME scenario/${name} COMMAND ${PYTHON3} ${ARGN})
    set_tests_properties(scenario/${name} PROPERTIES LABELS scenario TIMEOUT 300 COST 10 SKIP_RETURN_CODE 77
                         ENVIRONMENT "SERASI_BIN=${CMAKE_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
endfunction()

file(GLOB SCENARIOS CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/scenario/*.txt)
foreach(script ${SCENARIOS})
    get_filename_component(name ${script} NAME_WE)
    string(REGEX REPLACE "-.*" "" short ${name})
    scenario_test(${short} ${CMAKE_CURRENT_SOURCE_DIR}/scenario/run_scenario.py ${script})
endforeach()
scenario_test(reading ${CMAKE_CURRENT_SOURCE_DIR}/scenario/test_reading.py)
