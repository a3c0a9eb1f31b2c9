#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything that must pass on every change: installs the packages, builds (plain, and with
# AddressSanitizer+UBSan and with ThreadSanitizer for the system tests), runs all tests.
#   sh tests/run.sh [ctest options]        e.g. -L unit, -R kill, -j1
# Several cases run at once (tests/CMakeLists.txt says how many); -j1 runs them one by one.
# SERASI_BUILD names the build folder (default: build).
set -eu
cd "$(dirname "$0")/.."
. daemon/packages.sh
install_packages build test

build=${SERASI_BUILD:-build}
configure() { # FOLDER OPTIONS...
    folder=$1; shift
    mkdir -p "$folder"
    cmake -S . -B "$folder" -G Ninja -DSERASI_WERROR=ON "$@" >"$folder/configure.log" 2>&1 ||
        { cat "$folder/configure.log"; exit 1; }
    ninja -C "$folder" >"$folder/build.log" 2>&1 || { tail -n 60 "$folder/build.log"; exit 1; }
}
echo "Building $build, $build-address and $build-thread ..."
for kind in address thread; do # the programs alone, for the system tests
    sanitizers=$kind
    [ $kind = thread ] || sanitizers=address,undefined
    configure "$build-$kind" -DSERASI_SANITIZE=$sanitizers -DCMAKE_BUILD_TYPE=Debug -DBUILD_TESTING=OFF
done
configure "$build" -DBUILD_TESTING=ON -DSERASI_SANITIZED="$(cd "$build-address/.." && pwd)/$(basename "$build")"
ctest --test-dir "$build" --output-on-failure --timeout 900 -j "$((3 * $(nproc)))" "$@"
