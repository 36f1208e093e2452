#!/bin/sh
# Breaks each rule once, as the files of internal/mutants/edits say, and expects the tests that they name to fail.
# With arguments, only the mutants whose names begin so are tried.
set -eu

cd "$(dirname -- "$0")/.."
exec go run ./internal/mutants run "$@"
