package cli

import (
	"fmt"
	"strconv"

	"duly/internal/exit"
)

// ParseID reads the argument of a command that shows one thing.
func ParseID(text string) (uint64, error) {
	n, err := ReadID(text)
	return n, exit.Usage(err)
}

// ReadID reads an id such as 42.
func ReadID(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return 0, fmt.Errorf("%q is not an id such as 42", text)
	}
	return n, nil
}
