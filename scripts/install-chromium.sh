#!/bin/sh
# Installs the browser that the run report is looked at with, if it is missing.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"

found() { have chromium || have chromium-browser || have google-chrome; }

if found; then
	exit 0
fi
say "installing Chromium"
install_packages "chromium" "chromium" "chromium" "chromium" ||
	fail "could not install Chromium: install a package with the program chromium by hand"
found ||
	fail "Chromium was installed, but the program chromium is not where programs are looked for"
