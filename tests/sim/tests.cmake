# SPDX-License-Identifier: Apache-2.0
# Worlds of brokers over a virtual clock, network and disk: see sim/README.md.
file(GLOB SIM_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/sim/*.c)
add_executable(test-sim ${SIM_SOURCES})
set_target_properties(test-sim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_include_directories(test-sim PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(test-sim PRIVATE serasi_flags serasi_broker serasi_history)
if(SERASI_SANITIZE) # ten times slower
    set(SIM_SEEDS 15)
    set(SIM_REPLAYS 2)
    set(SIM_CONTROLS 5)
else()
    set(SIM_SEEDS 150)
    set(SIM_REPLAYS 6)
    set(SIM_CONTROLS 12)
endif()
add_test(NAME sim/seeds COMMAND test-sim --seeds ${SIM_SEEDS})
add_test(NAME sim/replay COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/sim/replay.sh $<TARGET_FILE:test-sim> ${SIM_REPLAYS})
# Disks that lose what they were to keep: the judges must see it.
add_test(NAME sim/lying-disk COMMAND test-sim --seeds ${SIM_CONTROLS} --disk lies --must-fail)
add_test(NAME sim/synchronous-normal COMMAND test-sim --seeds ${SIM_CONTROLS} --disk normal --must-fail)
set_tests_properties(sim/seeds sim/replay sim/lying-disk sim/synchronous-normal
                     PROPERTIES LABELS sim TIMEOUT 900 ${TEST_COMPUTES} COST 200)
