#!/bin/sh
# Checks the files of deploy/ with the tools that will read them: shellcheck, systemd-analyze, kubeconform, Python;
# and the program that is distributed: static and small. `make deploy-check` builds and installs what it needs.
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

# Every shell script, found by its first line.
grep -rlE '^#!(/bin/sh|/usr/bin/env bash)$' .ci deploy scripts >"$work/scripts"
# Their names have no spaces.
# shellcheck disable=SC2046
shellcheck --external-sources $(cat "$work/scripts")
ok "shellcheck: $(wc -l <"$work/scripts") scripts"

# The units as they are installed; the wrapper is that of this tree.
mkdir -p "$work/units/duly.service.d"
for unit in duly.service duly.timer duly-schedule.service; do
	sed -e "s|/usr/local/lib/duly|$PWD/deploy/bin|" -e "s|/usr/local/bin/duly|$PWD/dist/duly-linux-amd64|" "deploy/systemd/$unit" >"$work/units/$unit"
done
sed "s|/usr/local/lib/duly|$PWD/deploy/bin|" deploy/systemd/power-off.conf >"$work/units/duly.service.d/power-off.conf"
systemd-analyze verify --man=no "$work/units/duly.service" "$work/units/duly.timer" "$work/units/duly-schedule.service" 2>"$work/said" || {
	cat "$work/said" >&2
	fail "systemd-analyze verify found mistakes"
}
# It warns of what it ignores, and ends with 0.
if grep duly "$work/said" >&2; then
	fail "systemd-analyze verify has something to say"
fi
ok "systemd-analyze verify: duly.service, duly.timer, duly-schedule.service, power-off.conf"
systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' deploy/systemd/duly.timer)" >/dev/null
ok "systemd-analyze calendar"
# The threshold is in tenths: 2.0, of 10 for a service that is not confined at all.
systemd-analyze security --offline=yes --threshold=20 "$work/units/duly.service" >"$work/said" || {
	cat "$work/said" >&2
	fail "duly.service is not as confined as it was"
}
ok "systemd-analyze security: $(tail -n 1 "$work/said" | sed 's/^[^A-Za-z]*//')"

bin/kubeconform -strict -summary -schema-location "bin/kube-schemas/{{.ResourceKind}}{{.KindSuffix}}.json" deploy/kubernetes/*.yaml
ok "kubeconform: deploy/kubernetes"

python3 -B deploy/ncp/start_server_test.py 2>"$work/said" || {
	cat "$work/said" >&2
	fail "the action for NAVER Cloud fails its tests"
}
ok "python3: deploy/ncp"

# Bytes of a program when it was last measured. A tenth more is let through; what makes it grow further is a decision.
measured() {
	case $1 in
	*-amd64) echo 31547554 ;;
	*-arm64) echo 28770466 ;;
	*) fail "the size of $1 was never measured" ;;
	esac
}
for program in dist/duly-linux-*; do
	size=$(wc -c <"$program")
	last=$(measured "$program")
	most=$((last * 11 / 10))
	[ "$size" -le "$most" ] || fail "$program is $size bytes, and must not be over $most"
	# A program that needs no loader names none, and runs in an image that has nothing else.
	if ! go version -m "$program" | grep -q 'CGO_ENABLED=0$' || head -c 65536 "$program" | grep -q '/ld-'; then
		fail "$program is not static"
	fi
	ok "$program: static, $((size / 1024 / 1024)) MiB"
done

say ""
printf '%d passed, 0 failed\n' "$checked"
