package main

import (
	"fmt"
	"strconv"
)

// id reads the argument of a command that shows one thing.
func id(text string) (uint64, error) {
	n, err := idOf(text)
	return n, usage(err)
}

func idOf(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return 0, fmt.Errorf("%q is not an id such as 42", text)
	}
	return n, nil
}
