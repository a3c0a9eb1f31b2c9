#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything that must pass on every change: installs the packages, builds (plain, and with
# AddressSanitizer+UBSan and with ThreadSanitizer for the system tests), runs all tests.
#   sh tests/run.sh [ctest options]        e.g. -L unit, -R kill, -j1
# SERASI_BUILD names the build folder (default: build).
set -eu
cd "$(dirname "$0")/.."
. daemon/packages.sh
install_packages build test

build=${SERASI_BUILD:-build}
configure() { # FOLDER OPTIONS...
    folder=$1; shift
    cmake -S . -B "$folder" -G Ninja -DSERASI_WERROR=ON "$@" >"$folder.log" 2>&1 ||
        { cat "$folder.log"; exit 1; }
}
mkdir -p "$build"
echo "Building ..."
configure "$build/address" -DSERASI_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Debug -DBUILD_TESTING=OFF
configure "$build/thread" -DSERASI_SANITIZE=thread -DCMAKE_BUILD_TYPE=Debug -DBUILD_TESTING=OFF
configure "$build/plain" -DSERASI_SANITIZED="$(pwd)/$build"
for kind in address thread plain; do
    ninja -C "$build/$kind" >"$build/$kind.log" 2>&1 || { tail -n 60 "$build/$kind.log"; exit 1; }
done
ctest --test-dir "$build/plain" --output-on-failure --timeout 900 "$@"
