package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // of the template and the style sheet
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"duly/internal/text"
)

//go:embed page.gohtml
var pageHTML string

//go:embed page.css
var pageCSS string

// parsed parses the template at its first use.
var parsed = sync.OnceValues(func() (*template.Template, error) { //nolint:gochecknoglobals // a constant
	css := strings.TrimSpace(pageCSS)
	sum := sha256.Sum256([]byte(css))
	return template.New("page").Funcs(template.FuncMap{
		"css":   func() template.CSS { return template.CSS(css) }, //nolint:gosec // an embedded file
		"csp":   func() string { return policy(sum[:]) },
		"words": func(s string) []string { return strings.Split(s, " ") },
		// A browser would break a line within the dashes of an option.
		"option": func(word string) bool { return strings.HasPrefix(word, "--") },
		"heads":  func(level int, id, text string) heading { return heading{level, id, text} },
		"chart":  func(id string, o *outcomeView) chart { return chart{id, o} },
		"part":   func(level int, run detailsView) closedPart { return closedPart{run, level} },
	}).Parse(pageHTML)
})

// heading is a title of a section.
type heading struct {
	Level    int
	ID, Text string
}

// chart is an outcome with the id of its drawing.
type chart struct {
	ID string
	*outcomeView
}

// closedPart is the closed part of a run, with the level of its headings.
type closedPart struct {
	detailsView

	Level int
}

// policy forbids the page to load, run or send anything.
func policy(sum []byte) string {
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; img-src data:; base-uri 'none'; form-action 'none'",
		base64.StdEncoding.EncodeToString(sum))
}

// Write writes the page as HTML. If it cannot be rendered, nothing is written.
func Write(w io.Writer, p Page) error {
	t, err := parsed()
	if err != nil {
		return fmt.Errorf("read the report's template: %w", err)
	}
	view := viewOf(p)
	text.Strings(&view) // html/template escapes markup, but no control or bidirectional characters
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return fmt.Errorf("draw the report: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
