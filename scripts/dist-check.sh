#!/bin/sh
# Proves that what is distributed depends on its sources alone: builds it again from a copy of the tree at another place, without the
# build cache, in another time zone and with another umask, and compares every byte. Then looks into the packages. `make dist-check`
# calls it after `make dist`.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"
cd "$(dirname -- "$0")/.."

checked=0
ok() {
	say "ok    $*"
	checked=$((checked + 1))
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

(cd dist && sha256sum --check --quiet SHA256SUMS)
ok "the checksums of $(wc -l <dist/SHA256SUMS) files"

mkdir "$work/elsewhere"
tar -c --exclude=./.git --exclude=./bin --exclude=./dist . | tar -x -C "$work/elsewhere"
mkdir "$work/elsewhere/bin"
cp bin/nfpm bin/cyclonedx-gomod "$work/elsewhere/bin/"
(
	umask 077
	export GOCACHE="$work/cache" TZ=Asia/Seoul LC_ALL=C.UTF-8
	quietly make -C "$work/elsewhere" dist VERSION="$VERSION" SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH"
)
diff dist/SHA256SUMS "$work/elsewhere/dist/SHA256SUMS" >&2 || fail "built twice, they differ: see above"
ok "built twice, at two places: equal bytes"

# Every module that is linked is in the SBOM and has its licence.
for arch in amd64 arm64; do
	for module in $(go version -m "dist/duly-linux-$arch" | awk '$1 == "dep" { print $2 "@" $3 }'); do
		grep -q "\"pkg:golang/${module}[\"?]" "dist/sbom-linux-$arch.cdx.json" || fail "dist/sbom-linux-$arch.cdx.json lacks $module"
		grep -q "^${module%@*} ${module#*@}: " dist/THIRD_PARTY_NOTICES.txt || fail "dist/THIRD_PARTY_NOTICES.txt lacks $module"
	done
done
ok "every module that is linked is in the SBOM, and has its licence"

if have groff; then
	for page in dist/man/*.gz; do
		gzip -dc "$page" | groff -man -ww -z >"$work/said" 2>&1
		[ ! -s "$work/said" ] || fail "$page: $(cat "$work/said")"
	done
	ok "$(find dist/man -name '*.gz' | wc -l) manual pages"
fi

if have dpkg-deb; then
	for package in dist/packages/*_amd64.deb; do
		dpkg-deb -x "$package" "$work/root"
		dpkg-deb --field "$package" Package Version Architecture >"$work/said"
	done
	if [ "$(go env GOHOSTARCH)" = amd64 ]; then
		[ "$("$work/root/usr/bin/duly" --version)" = "$(dist/duly-linux-amd64 --version)" ] || fail "the program in the package is another one"
	fi
	missing=$(grep -rhoE '^Exec[A-Za-z]*=[+]?/[^ ]+' "$work/root/usr/lib/systemd/system" | sed 's/^[^/]*//' | while read -r program; do
		[ -x "$work/root$program" ] || printf '%s ' "$program"
	done)
	[ -z "$missing" ] || fail "units of the package start what is not in it: $missing"
	ok "the package for Debian: $(tr '\n' ' ' <"$work/said")"
fi
if have rpm; then
	for package in dist/packages/*.rpm; do
		rpm -K --nosignature "$package" >&2
	done
	ok "the packages for Red Hat's family"
fi

say ""
printf '%d passed, 0 failed\n' "$checked"
