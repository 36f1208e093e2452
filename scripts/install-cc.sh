#!/bin/sh
# Installs a C compiler if there is none: Go's race detector is linked with it.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"

if have cc || have gcc || have clang; then
	exit 0
fi
say "installing a C compiler, for the race detector"
install_packages "gcc libc6-dev" "gcc glibc-devel" "gcc musl-dev" "gcc" ||
	fail "could not install a C compiler: install gcc or clang by hand"
