package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminal reports whether people read w as it is written.
func terminal(w io.Writer) bool {
	f, ok := Behind(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// size is how many columns and lines the terminal behind w has; an ordinary one if it does not say.
func size(w io.Writer) (width, height int) {
	if f, ok := Behind(w).(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}
