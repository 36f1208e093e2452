#!/bin/sh
# Lists the packages with tests by what their tests can start. It is derived from what each test program is linked of,
# so that a package changes sides when its imports do:
#   unit      nothing but the go command: no database, no browser, no Prometheus
#   database  a database server, among other things
# What is linked of the least comes first: it is compiled and tested before the others.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"
cd "$(dirname -- "$0")/.."

# linked prints the packages whose test program links what $1 matches, or, with -v, does not.
linked() {
	programs=$(go list -test -f '{{if eq .Name "main"}}{{len .Deps}} {{.ImportPath}} {{join .Deps " "}} {{end}}' ./...)
	printf '%s\n' "$programs" | grep -E '^[0-9]+ [^ ]+\.test ' | grep -E "$@" | sort -n | sed 's/^[0-9]* //; s/\.test .*//'
}

case ${1-} in
unit) linked -v ' duly/internal/(mysql/private|test/testdb|test/browsertest|test/testprom) ' ;;
database) linked ' duly/internal/test/testdb ' ;;
*) fail "takes unit or database" ;;
esac
