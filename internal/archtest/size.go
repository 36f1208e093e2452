package archtest

import (
	"bytes"
	"fmt"
	"slices"
)

// mostLines is how many lines a package may have, without its tests.
const mostLines = 3000

// mostOfCommands is how many the command line may have: flags in, one call, output out.
const mostOfCommands = 2000

// oversized lists the packages below root that have more lines than most; the command line may have fewer.
func oversized(root string, most, commands int) ([]string, error) {
	lines := map[string]int{}
	err := eachFile(root, func(folder, _ string, text []byte) error {
		lines[folder] += bytes.Count(text, []byte("\n"))
		return nil
	})
	var out []string
	for folder, n := range lines {
		if n > most || folder == "cmd/duly" && n > commands {
			out = append(out, fmt.Sprintf("%s has %d lines: divide it by subject", folder, n))
		}
	}
	slices.Sort(out)
	return out, err
}
