// Command dist writes what is distributed beside the program; scripts/dist.sh calls it.
//
//	go run ./internal/dist man docs/commands.md FOLDER VERSION DATE   a manual page of each command
//	go run ./internal/dist notices PROGRAM                            the licences of what a program is linked of
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

var errUsage = errors.New("takes man PAGE FOLDER VERSION DATE, or notices PROGRAM")

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 5 && args[0] == "man":
		return writeManual(args[1], args[2], args[3], args[4]) //nolint:gosec // there are five
	case len(args) == 2 && args[0] == "notices":
		return writeNotices(args[1], out) //nolint:gosec // there are two
	}
	return errUsage
}
