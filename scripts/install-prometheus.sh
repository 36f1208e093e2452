#!/bin/sh
# Installs prometheus and promtool if they are missing. On Debian the package is
# unpacked into bin/prometheus alone, since to install it would start a service.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"
cd "$(dirname -- "$0")/.."

into=bin/prometheus
PATH=$PWD/$into:$PATH

found() { have prometheus && have promtool; }

if found; then
	exit 0
fi
say "installing Prometheus"
if have apt-get && have dpkg-deb; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	chmod 755 "$work" # apt-get downloads as a user of its own
	download() (cd "$work" && quietly apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User=root download prometheus)
	download 2>/dev/null || {
		as_root apt-get -qq -o Acquire::Retries=3 update || say "apt-get update failed; trying with the lists that are there"
		download
	} || fail "could not download the package prometheus"
	dpkg-deb -x "$work"/prometheus_*.deb "$work/unpacked"
	mkdir -p "$into"
	cp "$work/unpacked/usr/bin/prometheus" "$work/unpacked/usr/bin/promtool" "$into/"
else
	install_packages prometheus golang-github-prometheus prometheus prometheus ||
		fail "could not install Prometheus: install prometheus and promtool by hand"
fi
found || fail "Prometheus was installed, but prometheus or promtool is not where programs are looked for"
