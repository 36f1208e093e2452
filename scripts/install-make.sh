#!/bin/sh
# Installs make if it is missing.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"

if have make; then
	exit 0
fi
say "installing make"
install_packages make make make make || fail "could not install make: install it by hand"
