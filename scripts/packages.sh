# shellcheck shell=sh
# Functions of the install scripts, which source this file.

# say prints a line about what is being done; standard output is for results.
say() { printf '%s\n' "$*" >&2; }

# fail prints one line and ends the script.
fail() {
	say "$(basename -- "$0"): $*"
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# quietly runs a command and shows the end of what it said only if it fails.
quietly() {
	if ! said=$("$@" 2>&1); then
		printf '%s\n' "$said" | tail -n 10 >&2
		return 1
	fi
}

# as_root runs a command as root.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		quietly "$@"
	else
		quietly sudo "$@"
	fi
}

# install_packages APT DNF APK BREW installs the packages that are named, as
# one word each, for the package manager that is found.
install_packages() {
	if ! have brew && [ "$(id -u)" != 0 ] && ! have sudo; then
		fail "neither root nor sudo here; ask an administrator for the packages (Debian's names: $1)"
	fi
	# The lists of names are split into words on purpose.
	# shellcheck disable=SC2086
	if have apt-get; then
		# One source that cannot be reached must not keep the others from being used.
		as_root apt-get -qq -o Acquire::Retries=3 update ||
			say "apt-get update failed; trying with the lists that are there"
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
			install --no-install-recommends $1
	elif have dnf; then
		as_root dnf -q -y install $2
	elif have apk; then
		as_root apk -q add --no-cache $3
	elif have brew; then
		quietly brew install -q $4
	else
		return 1
	fi
}
