#!/bin/sh
# Makes what is distributed beside the programs: packages, manual pages, completions, licences, SBOMs and checksums. `make dist` calls it.
#
# Usage: VERSION=1.2.3 SOURCE_DATE_EPOCH=SECONDS dist.sh FOLDER
#
# The same sources and version make the same bytes, wherever and whenever. FOLDER has the programs already.
set -eu

# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$0")/packages.sh"
cd "$(dirname -- "$0")/.."

DIST=$1
# The flags of the programs, so that what they are compiled of is not compiled again for completions.
export DIST SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
umask 022
date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)
# A version of a package begins with a number; one without a tag is older than all that have one.
case $VERSION in
v[0-9]*) PACKAGE_VERSION=${VERSION#v} ;;
[0-9]*.*) PACKAGE_VERSION=$VERSION ;;
*) PACKAGE_VERSION=0.0.0~$VERSION ;;
esac
PACKAGE_VERSION=$(printf '%s' "$PACKAGE_VERSION" | tr '-' '+')
export PACKAGE_VERSION

for folder in man completions systemd packages; do
	rm -rf "${DIST:?}/$folder"
	mkdir -p "$DIST/$folder"
done
rm -f "$DIST"/*.txt "$DIST"/*.json "$DIST"/SHA256SUMS

say "manual pages and completions"
go run ./internal/dist man docs/commands.md "$DIST/man" "$VERSION" "$date"
gzip -9n "$DIST"/man/*.1
for shell in bash zsh fish powershell; do
	go run ./cmd/duly completion "$shell" >"$DIST/completions/duly.$shell"
done

say "licences and SBOMs"
go run ./internal/dist notices "$DIST/duly-linux-amd64" >"$DIST/THIRD_PARTY_NOTICES.txt"
for arch in amd64 arm64; do
	bin/cyclonedx-gomod bin -json -std -noserial -notimestamp -version "$VERSION" -output "$DIST/sbom-linux-$arch.cdx.json" "$DIST/duly-linux-$arch"
done

# In a package the program and the wrapper are where the system's own are.
for unit in duly.service duly.timer duly-schedule.service; do
	sed -e 's|/usr/local/lib/duly|/usr/lib/duly|g' -e 's|/usr/local/bin/duly|/usr/bin/duly|g' -e 's|/usr/local/share/doc|/usr/share/doc|g' \
		"deploy/systemd/$unit" >"$DIST/systemd/$unit"
done

say "packages"
for arch in amd64 arm64; do
	for packager in deb rpm; do
		ARCH=$arch bin/nfpm package --config deploy/packages/nfpm.yaml --packager "$packager" --target "$DIST/packages/" >&2
	done
done

sums=$(cd "$DIST" && find . -type f | sed 's|^\./||' | sort | xargs sha256sum)
printf '%s\n' "$sums" >"$DIST/SHA256SUMS"
say "$(wc -l <"$DIST/SHA256SUMS") files in $DIST, version $VERSION"
