#!/bin/sh
# Installs what checks the files of deploy/, if it is missing: shellcheck,
# systemd-analyze and Python.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"

if have shellcheck && have systemd-analyze && have python3; then
	exit 0
fi
say "installing shellcheck, systemd-analyze and Python"
install_packages "shellcheck systemd python3-minimal python3" "ShellCheck systemd python3" "shellcheck python3" "shellcheck python" ||
	fail "could not install shellcheck, systemd and python3: install them by hand"
have systemd-analyze ||
	fail "there is no systemd-analyze for this system: check the units on one with systemd"
