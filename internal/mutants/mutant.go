package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mutant is one way to break a rule, and the tests that must fail then.
type mutant struct {
	name   string
	why    string
	tests  []string // TestName or package.TestName, and subtests behind a slash
	copied bool     // the tests read the sources themselves: they need a copy of the tree
	edits  []edit
}

// edit changes one declaration, or one file that is not Go.
type edit struct {
	in      string // name of the declaration
	file    string // last name of the file, if in is empty
	imports string // last name of a package of the module that the declaration's file imports too; may be empty
	lines   []line
}

// line is a line of an edit.
type line struct {
	mark byte // '-' is removed, '+' is added, ' ' stays
	text string
}

// old returns the lines that must be there, without the white space around them.
func (e edit) old() []string {
	var out []string
	for _, l := range e.lines {
		if l.mark != '+' {
			out = append(out, strings.TrimSpace(l.text))
		}
	}
	return out
}

// target names what the edit changes.
func (e edit) target() string {
	if e.in != "" {
		return e.in
	}
	return e.file
}

// readMutants reads every mutant of a folder, sorted by name.
func readMutants(folder string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.mutant"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no mutants in %s", folder)
	}
	var list []mutant
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // G304: a file of this module
		if err != nil {
			return nil, err
		}
		m, err := parseMutant(strings.TrimSuffix(filepath.Base(path), ".mutant"), string(text))
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

func parseMutant(name, text string) (mutant, error) {
	m := mutant{name: name}
	for i, row := range strings.Split(text, "\n") {
		if err := m.add(row); err != nil {
			return m, fmt.Errorf("%s, line %d: %w", name, i+1, err)
		}
	}
	for i := range m.edits {
		m.edits[i].lines = trimBlank(m.edits[i].lines)
	}
	if err := m.valid(); err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// add takes the next line of the mutant's file.
func (m *mutant) add(row string) error {
	if row == "" || strings.Contains(" -+", row[:1]) {
		return m.addLine(row)
	}
	key, value, ok := strings.Cut(row, ": ")
	if value = strings.TrimSpace(value); !ok || value == "" {
		return errors.New(`want "key: value", or a line of an edit, which begins with -, + or a space`)
	}
	switch {
	case key == "why":
		m.why = value
	case key == "test":
		m.tests = append(m.tests, value)
	case key == "tree" && value == "copy":
		m.copied = true
	case key == "in":
		m.edits = append(m.edits, edit{in: value})
	case key == "file":
		m.edits = append(m.edits, edit{file: value})
	case key == "import" && len(m.edits) > 0:
		m.edits[len(m.edits)-1].imports = value
	default:
		return fmt.Errorf("%q is not known here", row)
	}
	return nil
}

func (m *mutant) addLine(row string) error {
	if len(m.edits) == 0 {
		if strings.TrimSpace(row) == "" {
			return nil
		}
		return fmt.Errorf("%q belongs to no edit", row)
	}
	l := line{mark: ' '}
	if row != "" {
		l = line{row[0], strings.TrimPrefix(row[1:], " ")}
	}
	e := &m.edits[len(m.edits)-1]
	e.lines = append(e.lines, l)
	return nil
}

// trimBlank drops the blank lines around an edit, which only set it apart.
func trimBlank(lines []line) []line {
	blank := func(l line) bool { return l.mark == ' ' && strings.TrimSpace(l.text) == "" }
	for len(lines) > 0 && blank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && blank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func (m *mutant) valid() error {
	switch {
	case m.why == "":
		return errors.New(`it has no "why"`)
	case len(m.tests) == 0:
		return errors.New(`it has no "test"`)
	case len(m.edits) == 0:
		return errors.New("it changes nothing")
	}
	for _, e := range m.edits {
		changes := slices.ContainsFunc(e.lines, func(l line) bool { return l.mark != ' ' })
		switch {
		case len(e.lines) == 0 && e.imports != "" && e.in != "":
		case !changes:
			return fmt.Errorf("the edit of %s changes nothing", e.target())
		case len(e.old()) == 0:
			return fmt.Errorf("the edit of %s names no line that is there", e.target())
		case e.imports != "" && e.in == "":
			return fmt.Errorf("%s imports nothing", e.file)
		}
	}
	return nil
}

// rename replaces an identifier everywhere in the mutants but in their reasons.
func rename(folder, from, to string, out io.Writer) error {
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(from) + `\b`)
	paths, err := filepath.Glob(filepath.Join(folder, "*.mutant"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // G304: a file of this module
		if err != nil {
			return err
		}
		rows := strings.Split(string(text), "\n")
		for i, row := range rows {
			if !strings.HasPrefix(row, "why: ") {
				rows[i] = word.ReplaceAllLiteralString(row, to)
			}
		}
		renamed := strings.Join(rows, "\n")
		if renamed == string(text) {
			continue
		}
		if err := os.WriteFile(path, []byte(renamed), 0o644); err != nil { //nolint:gosec // G306: a file of the repository
			return err
		}
		if _, err := fmt.Fprintln(out, filepath.Base(path)); err != nil {
			return err
		}
	}
	return nil
}
