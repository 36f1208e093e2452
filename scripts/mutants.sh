#!/bin/sh
# Applies each patch of internal/mutants to a copy of the tree and expects the
# test that the patch names to fail. A line "Test: PACKAGE -run NAME" before
# the patch names it. With arguments, only the patches of these names are tried.
set -eu

cd "$(dirname -- "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' HUP INT TERM
tar -cf - --exclude=./.git --exclude=./bin . | tar -xf - -C "$copy"

killed=0
failed=0

# bad NAME WHY reports a mutant that is not killed.
bad() {
	printf 'FAIL  %s: %s\n' "$1" "$2"
	failed=$((failed + 1))
}

for patch in "$PWD"/internal/mutants/*.patch; do
	name=$(basename "$patch" .patch)
	if [ $# -gt 0 ]; then
		case " $* " in *" $name "*) ;; *) continue ;; esac
	fi
	command=$(sed -n 's/^Test: //p' "$patch" | head -n 1)
	if [ -z "$command" ]; then
		bad "$name" "names no test"
		continue
	fi
	if ! (cd "$copy" && git apply "$patch"); then
		bad "$name" "does not apply"
		continue
	fi
	# The words of the command are meant to be split; a name with * in it is not a file.
	set -f
	# shellcheck disable=SC2086
	if ! (cd "$copy" && go build ./... && go vet ${command%% *}) >"$copy/mutant.log" 2>&1; then
		cat "$copy/mutant.log"
		bad "$name" "does not compile"
	elif (cd "$copy" && go test -count=1 -timeout=5m $command >"$copy/mutant.log" 2>&1); then
		bad "$name" "survived: go test $command"
	elif ! grep -q '^--- FAIL\|^    --- FAIL\|^panic:\|^FAIL	' "$copy/mutant.log"; then
		cat "$copy/mutant.log"
		bad "$name" "no test ran"
	else
		printf 'ok    %s: %s\n' "$name" "$(head -n 1 "$patch")"
		killed=$((killed + 1))
	fi
	set +f
	(cd "$copy" && git apply -R "$patch")
done
printf '%d passed, %d failed\n' "$killed" "$failed"
[ "$failed" -eq 0 ] && [ "$killed" -gt 0 ]
