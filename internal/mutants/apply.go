package main

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"path"
	"slices"
	"strings"
)

// place is where the lines of an edit are: from line at of a file, counted from 0.
type place struct {
	file string
	at   int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.at+1) }

// apply returns the files that a mutant changes, by their paths in the module.
func (m *module) apply(mu mutant) (map[string][]byte, error) {
	changed := map[string][]byte{}
	for _, e := range mu.edits {
		if err := m.edit(e, changed); err != nil {
			return nil, fmt.Errorf("%s: %w", mu.name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		if path.Ext(name) != ".go" {
			continue
		}
		text, err := format.Source(changed[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", mu.name, name, err)
		}
		if before, _ := format.Source(m.texts[name]); bytes.Equal(before, text) {
			return nil, fmt.Errorf("%s: %s is as it was", mu.name, name)
		}
		changed[name] = text
	}
	return changed, nil
}

// edit applies one edit to the files as the ones before it left them.
func (m *module) edit(e edit, changed map[string][]byte) error {
	places, err := m.places(e, changed)
	if err != nil {
		return err
	}
	switch len(places) {
	case 0:
		return fmt.Errorf("%s does not have the line %q, with what stands around it", e.target(), e.old()[0])
	case 1:
	default:
		return fmt.Errorf("%s has these lines more than once: %v; add a line above or below them, or qualify the name by its package", e.target(), places)
	}
	at := places[0]
	text, err := m.text(at.file, changed)
	if err != nil {
		return err
	}
	text = replace(text, at.at, e.lines)
	if e.imports != "" {
		if text, err = m.addImport(text, e.imports); err != nil {
			return err
		}
	}
	changed[at.file] = text
	return nil
}

// places finds where an edit fits.
func (m *module) places(e edit, changed map[string][]byte) ([]place, error) {
	if e.in == "" {
		file, err := only("file", e.file, m.others[e.file])
		if err != nil {
			return nil, err
		}
		text, err := m.text(file, changed)
		if err != nil {
			return nil, err
		}
		all := lines(text)
		return matches(file, all, span{0, len(all) - 1}, e.old()), nil
	}
	files, name := m.declared(e.in)
	if len(files) == 0 {
		return nil, fmt.Errorf("nothing is called %s", e.in)
	}
	var out []place
	for _, file := range files {
		text, err := m.text(file, changed)
		if err != nil {
			return nil, err
		}
		found, err := declarations(file, text)
		if err != nil {
			return nil, err
		}
		for _, at := range found[name] {
			out = append(out, matches(file, lines(text), at, e.old())...)
		}
	}
	return out, nil
}

// matches finds the lines old within a span, whatever the white space around them. No lines are where the span begins.
func matches(file string, all []string, within span, old []string) []place {
	var out []place
	if len(old) == 0 {
		return []place{{file, within.first}}
	}
	for at := within.first; at+len(old) <= within.last+1; at++ {
		if slices.EqualFunc(old, all[at:at+len(old)], func(a, b string) bool { return a == strings.TrimSpace(b) }) {
			out = append(out, place{file, at})
		}
	}
	return out
}

// replace writes the lines of an edit over those of a text, from line at on. Lines that stay keep their white space.
func replace(text []byte, at int, edit []line) []byte {
	all := lines(text)
	out := slices.Clone(all[:at])
	for _, l := range edit {
		switch l.mark {
		case '+':
			out = append(out, l.text)
		case ' ':
			out = append(out, all[at])
			at++
		case '-':
			at++
		}
	}
	out = append(out, all[at:]...)
	return []byte(strings.Join(out, "\n") + "\n")
}

// addImport imports a package of the module by its last name, for its presence alone.
func (m *module) addImport(text []byte, name string) ([]byte, error) {
	imported, err := m.importPath(name)
	if err != nil {
		return nil, err
	}
	all := lines(text)
	at := slices.IndexFunc(all, func(l string) bool { return strings.HasPrefix(l, "package ") })
	all = slices.Insert(all, at+1, "", fmt.Sprintf("import _ %q", imported))
	return []byte(strings.Join(all, "\n") + "\n"), nil
}
