package text

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest texts that are shown, in characters. Columns of duly's own tables hold 255.
const (
	LineLength = 2000
	CellLength = 500
)

const more = "…"

// visible reports whether r is shown as itself, takes its place in reading order and ends no line.
func visible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// clean reports whether every rune of s is visible, or among the others that are allowed.
func clean(s, allowed string) bool {
	for i, r := range s {
		if r < utf8.RuneSelf && r >= ' ' && r != 0x7f {
			continue
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return false
			}
		}
		if !visible(r) && !strings.ContainsRune(allowed, r) {
			return false
		}
	}
	return true
}

// Line returns s as a part of one line of at most LineLength characters.
func Line(s string) string { return Short(s, LineLength) }

// Short returns s as a part of one line of at most most characters, of which there must be at least four. It is s itself if that is
// short enough and all visible; what is left out shows as "…".
func Short(s string, most int) string {
	if clean(s, "") {
		if len(s) <= most || utf8.RuneCountInString(s) <= most {
			return s
		}
		return string([]rune(s)[:most-1]) + more
	}
	const closing = 2 // "…" and the quote
	var b strings.Builder
	b.WriteByte('"')
	n := 1
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		shown := escape(r, s[:size])
		if r == '"' || r == '\\' {
			shown = `\` + shown
		}
		length := utf8.RuneCountInString(shown)
		if n+length+closing > most {
			b.WriteString(more)
			break
		}
		b.WriteString(shown)
		n += length
		s = s[size:]
	}
	b.WriteByte('"')
	return b.String()
}

// escape returns the rune r, of those bytes, as it is shown.
func escape(r rune, bytes string) string {
	switch {
	case r == utf8.RuneError && len(bytes) == 1:
		return fmt.Sprintf(`\x%02x`, bytes[0])
	case visible(r):
		return bytes
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// Screen returns a finished text, of one or more lines, with an escape in the place of everything that a terminal would act on, apart
// from line breaks and tabs.
func Screen(s string) string { return escaped(s, "\n\t") }

// Finished returns a finished line with an escape in the place of whatever is not visible, line breaks too.
func Finished(s string) string { return escaped(s, "") }

func escaped(s, allowed string) string {
	if clean(s, allowed) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if strings.ContainsRune(allowed, r) && size == utf8.RuneLen(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(escape(r, s[:size]))
		}
		s = s[size:]
	}
	return b.String()
}

// Joined returns the lines of s, such as those of joined errors, in one.
func Joined(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return Line(strings.Join(lines, "; "))
}

// Sprintf is [fmt.Sprintf] with every argument made a part of one line, see [Line]. The format is trusted.
func Sprintf(format string, args ...any) string {
	if false {
		_ = fmt.Sprintf(format, args...) // for go vet, which checks formats of what looks like this
	}
	shown := make([]any, len(args))
	for i, arg := range args {
		shown[i] = arg
		if _, width := arg.(int); !width { // "%-*s" needs the number itself
			shown[i] = argument{arg}
		}
	}
	return fmt.Sprintf(format, shown...)
}

// argument formats a value as fmt does, in one line.
type argument struct{ value any }

// Format implements fmt.Formatter.
func (a argument) Format(f fmt.State, verb rune) {
	_, _ = io.WriteString(f, Line(fmt.Sprintf(fmt.FormatString(f, verb), a.value))) // a buffer of fmt's
}

// Lines returns the problems that err consists of, each in one line: those of joined errors, but not what the text of one of them
// would make of line breaks.
func Lines(err error) []string {
	if err == nil {
		return nil
	}
	whole := err.Error()
	if !strings.ContainsAny(whole, "\n\r") {
		return nonEmpty(Line(strings.TrimSpace(whole)))
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Lines() []string }:
		var out []string
		for _, line := range e.Lines() {
			out = append(out, nonEmpty(Line(strings.TrimSpace(line)))...)
		}
		return out
	case interface{ Unwrap() []error }:
		var out, texts []string
		for _, part := range e.Unwrap() {
			out, texts = append(out, Lines(part)...), append(texts, part.Error())
		}
		if strings.Join(texts, "\n") == whole {
			return out
		}
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			if before, found := strings.CutSuffix(whole, inner.Error()); found && !strings.ContainsAny(before, "\n\r") {
				if lines := Lines(inner); len(lines) > 0 {
					return append([]string{Line(before + lines[0])}, lines[1:]...)
				}
			}
		}
	}
	return nonEmpty(Line(strings.TrimSpace(whole)))
}

func nonEmpty(line string) []string {
	if line == "" {
		return nil
	}
	return []string{line}
}
