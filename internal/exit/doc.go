// Package exit has the errors that end the program with an exit code, and what each code means.
package exit
