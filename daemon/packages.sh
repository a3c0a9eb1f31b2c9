# SPDX-License-Identifier: Apache-2.0
# The Debian 12 packages of this project, in one place. Sourced by demo.sh and tests/run.sh:
#   install_packages build [test]
# installs what is missing, as root or through sudo, and says what it does.

PACKAGES_BUILD="gcc libc6-dev cmake ninja-build pkg-config protobuf-compiler protobuf-c-compiler
 libprotobuf-c-dev libzmq3-dev libsqlite3-dev libsodium-dev libsystemd-dev libjansson-dev
 libinih-dev libmimalloc-dev uthash-dev"
# python3-cryptography: test peers that are not libserasi sign with it (Ed25519).
PACKAGES_TEST="libcmocka-dev patch python3 python3-zmq python3-protobuf python3-cryptography sqlite3
 systemd util-linux mount procps iproute2 man-db groff-base clang-format-14"

install_packages() {
    wanted=
    for set in "$@"; do
        case $set in
        build) wanted="$wanted $PACKAGES_BUILD" ;;
        test) wanted="$wanted $PACKAGES_TEST" ;;
        esac
    done
    missing=
    for package in $wanted; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "These packages are missing and only root (or sudo) can install them:$missing" >&2
            return 1
        }
        sudo=sudo
    fi
    echo "Installing:$missing"
    $sudo apt-get update -q >/dev/null || return 1
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        $missing >/tmp/serasi-apt.$$ 2>&1 || { cat /tmp/serasi-apt.$$ >&2; rm -f /tmp/serasi-apt.$$; return 1; }
    rm -f /tmp/serasi-apt.$$
}
