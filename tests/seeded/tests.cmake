# SPDX-License-Identifier: Apache-2.0
# Bugs of the kind somebody else would make, one after the other in a copy of the tree: our suites
# must find each. One of them, with words: tests/seeded/run-seeded.py --work /tmp/seeded --all NAME
add_test(NAME seeded/bugs COMMAND ${PYTHON3} ${CMAKE_CURRENT_LIST_DIR}/run-seeded.py
         --source ${CMAKE_SOURCE_DIR} --work ${CMAKE_BINARY_DIR}/seeded)
set_tests_properties(seeded/bugs PROPERTIES LABELS seeded TIMEOUT 1800 ${TEST_COMPUTES} COST 1000
                     ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
add_test(NAME lint/seeded COMMAND ${PYTHON3} ${CMAKE_CURRENT_LIST_DIR}/run-seeded.py --dry-run
         --source ${CMAKE_SOURCE_DIR})
set_tests_properties(lint/seeded PROPERTIES LABELS lint TIMEOUT 60)
