// Command mutants breaks one rule of the program at a time and expects the tests that hold this rule to fail.
//
//	go run ./internal/mutants run                 every mutant
//	go run ./internal/mutants run i6-two-stages   those whose names begin so
//	go run ./internal/mutants build               compile them, and run no test
//	go run ./internal/mutants rename Old New      follow an identifier that has another name now
//
// It is run in the module's top folder. A mutant is a file of internal/mutants/edits:
//
//	why: A run that comes late charges two stages on the same day.
//	test: TestDunningProperty
//
//	in: NextStage
//	- return max(firstDeclined+offset, effective+1), false
//	+ return firstDeclined + offset, false
//
// Each "test" line names a test function that must fail, with subtests behind a slash as -run takes them. "tree: copy" is for tests that
// read the sources, which an overlay does not change.
//
// Each edit names what it changes: "in" a function, a method (Type.Method) or a declared type, constant or variable, wherever in the module
// that is; or a "file" that is not Go, by its last name. Then come whole lines: those that are removed (-), added (+) and stay (two spaces).
// White space at the start of a line is free, and the lines that are removed or stay must occur exactly once under this name. "import: gateway"
// imports that package of the module. A name that is not unique, and whose lines are not either, is qualified by its package: billing.NextStage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const edits = "internal/mutants/edits"

var errUsage = errors.New("usage: mutants run [NAME...] | build [NAME...] | rename OLD NEW")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:forbidigo // a program's end
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	list, err := readMutants(filepath.Join(root, edits))
	if err != nil {
		return err
	}
	switch verb, rest := args[0], args[1:]; {
	case verb == "run" || verb == "build":
		chosen, err := choose(list, rest)
		if err != nil {
			return err
		}
		return runAll(ctx, root, chosen, verb == "build", out)
	case verb == "rename" && len(rest) == 2:
		return rename(filepath.Join(root, edits), rest[0], rest[1], out)
	}
	return errUsage
}

// choose picks the mutants whose names begin with one of the prefixes; without prefixes, all of them. A prefix that fits none is an error.
func choose(list []mutant, prefixes []string) ([]mutant, error) {
	if len(prefixes) == 0 {
		return list, nil
	}
	var out []mutant
	unused := slices.Clone(prefixes)
	for _, m := range list {
		fits := func(prefix string) bool { return strings.HasPrefix(m.name, prefix) }
		if slices.ContainsFunc(prefixes, fits) {
			out = append(out, m)
		}
		unused = slices.DeleteFunc(unused, fits)
	}
	if len(unused) > 0 {
		return nil, fmt.Errorf("no mutant's name begins with %s", strings.Join(unused, " or "))
	}
	return out, nil
}
