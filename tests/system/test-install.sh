#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs into an empty folder and builds two programs against it alone: one with pkg-config, one
# with find_package(serasi).
# Usage: test-install.sh SOURCE_DIR BUILD_DIR
set -eu
build=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
stage=$root/stage

fail() { echo "install: $*" >&2; exit 1; }

DESTDIR=$stage cmake --install "$build" >"$root/install.log" 2>&1 || {
    cat "$root/install.log" >&2
    fail "cmake --install failed"
}
pc=$(find "$stage" -name libserasi.pc)
[ -n "$pc" ] || fail "no libserasi.pc"
lib=$(dirname "$(find "$stage" -name 'libserasi.so.*' | head -n 1)")

# A program that touches the library without a broker. The headers must also do as C++ and under
# pedantic C11, alone.
cat >"$root/program.c" <<'END'
#include <serasi/client.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    serasi_client *c = NULL;
    serasi_options o = { 0 };
    o.size = sizeof(o);
    if (serasi_open(&c, &o) >= 0)
        return 1;
    serasi_close(c);
    puts(serasi_strerror(SERASI_CONFLICT));
    return strcmp(serasi_strerror(SERASI_OK), "Done") != 0;
}
END

cc=${CC:-cc}
export PKG_CONFIG_SYSROOT_DIR="$stage" PKG_CONFIG_PATH="$(dirname "$pc")"
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
for header in client error message; do
    echo "#include <serasi/$header.h>" >"$root/alone.c"
    # shellcheck disable=SC2046
    $cc -std=c11 -Wall -Wextra -pedantic -Werror -fsyntax-only "$root/alone.c" \
        $(pkg-config --cflags libserasi) || fail "serasi/$header.h does not stand alone"
done
# shellcheck disable=SC2046
$cc -std=c11 -Wall -Wextra -pedantic -Werror -o "$root/with-pkg-config" "$root/program.c" \
    $(pkg-config --cflags --libs libserasi) || fail "pkg-config: the program does not build"
LD_LIBRARY_PATH=$lib "$root/with-pkg-config" >/dev/null || fail "pkg-config: the program fails"

mkdir "$root/cmake"
cp "$root/program.c" "$root/cmake/"
version=$(pkg-config --modversion libserasi)
cat >"$root/cmake/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(program LANGUAGES C)
find_package(serasi $version REQUIRED CONFIG)
add_executable(program program.c)
target_link_libraries(program PRIVATE serasi::serasi)
END
cmake -G Ninja -S "$root/cmake" -B "$root/cmake/build" -Dserasi_DIR="$(dirname "$(find "$stage" -name serasi-config.cmake)")" \
    >"$root/cmake.log" 2>&1 && cmake --build "$root/cmake/build" >>"$root/cmake.log" 2>&1 || {
    cat "$root/cmake.log" >&2
    fail "find_package: the program does not build"
}
LD_LIBRARY_PATH=$lib "$root/cmake/build/program" >/dev/null || fail "find_package: the program fails"

# Nothing but the public names is visible.
foreign=$(nm -D --defined-only "$lib"/libserasi.so.* | awk 'NF == 3 && $3 !~ /^serasi_/ { print $3 }')
[ -z "$foreign" ] || fail "libserasi.so exports $foreign"
if grep -q "$build" "$pc" "$(find "$stage" -name serasi-targets.cmake)"; then
    fail "an installed file names the build folder"
fi
echo "install: pkg-config and find_package both work"
