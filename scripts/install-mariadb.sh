#!/bin/sh
# Installs MariaDB's server program if it is missing: the smallest package that
# brings mariadbd and mariadb-install-db. It starts no system service.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"

# Servers are often in folders that are in no ordinary user's PATH.
PATH=$PATH:/usr/sbin:/usr/libexec:/usr/local/sbin:/usr/local/bin:/usr/local/mysql/bin:/opt/homebrew/bin:/opt/homebrew/opt/mariadb/bin

found() { have mariadbd && have mariadb-install-db; }

if found; then
	exit 0
fi
say "installing MariaDB's server program"
install_packages "mariadb-server-core mariadb-client-core" "mariadb-server" "mariadb mariadb-client" "mariadb" ||
	fail "could not install MariaDB: install a package with the programs mariadbd and mariadb-install-db by hand"
found ||
	fail "MariaDB was installed, but mariadbd or mariadb-install-db is not where programs are looked for"
