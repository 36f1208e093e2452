package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// runAll runs mutants one after the other. It is an error if one was not killed.
func runAll(ctx context.Context, root string, list []mutant, compileOnly bool, out io.Writer) error {
	m, err := readModule(root)
	if err != nil {
		return err
	}
	failed := 0
	for _, mu := range list {
		verdict := "ok    " + mu.name + ": " + mu.why
		if err := m.run(ctx, mu, compileOnly); err != nil {
			failed++
			verdict = "FAIL  " + mu.name + ": " + err.Error()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := fmt.Fprintln(out, verdict); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "%d passed, %d failed\n", len(list)-failed, failed); err != nil {
		return err
	}
	if failed > 0 {
		return errors.New("not every mutant was killed")
	}
	return nil
}

// run applies a mutant and expects each of its tests to fail.
func (m *module) run(ctx context.Context, mu mutant, compileOnly bool) (err error) {
	tests := make([]test, len(mu.tests))
	for i, name := range mu.tests {
		if tests[i], err = m.find(name); err != nil {
			return err
		}
	}
	changed, err := m.apply(mu)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	place := m.overlay
	if mu.copied {
		place = m.copyTree
	}
	g, err := place(dir, changed)
	if err != nil {
		return err
	}
	if err := g.compile(ctx, tests); err != nil || compileOnly {
		return err
	}
	for _, t := range tests {
		if err := g.expectFailure(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// mutated is a tree that the go command sees changed.
type mutated struct {
	dir   string
	flags string // GOFLAGS, which the commands that tests start go by too
}

// overlay shows the go command the changed files in the place of those of the tree.
func (m *module) overlay(dir string, changed map[string][]byte) (mutated, error) {
	replaced := map[string]string{}
	for name, text := range changed {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := write(path, text); err != nil {
			return mutated{}, err
		}
		replaced[filepath.Join(m.root, filepath.FromSlash(name))] = path
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return mutated{}, err
	}
	path := filepath.Join(dir, "overlay.json")
	return mutated{m.root, strings.TrimSpace(os.Getenv("GOFLAGS") + " '-overlay=" + path + "'")}, write(path, text)
}

// copyTree copies the tree, without its repository and built programs, and changes the files there.
func (m *module) copyTree(dir string, changed map[string][]byte) (mutated, error) {
	entries, err := os.ReadDir(m.root)
	if err != nil {
		return mutated{}, err
	}
	for _, entry := range entries {
		if slices.Contains([]string{".git", "bin", "dist"}, entry.Name()) {
			continue
		}
		from, to := filepath.Join(m.root, entry.Name()), filepath.Join(dir, entry.Name())
		if entry.IsDir() {
			err = os.CopyFS(to, os.DirFS(from))
		} else {
			err = copyFile(to, from)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return mutated{}, err
		}
	}
	for name, text := range changed {
		if err := write(filepath.Join(dir, filepath.FromSlash(name)), text); err != nil {
			return mutated{}, err
		}
	}
	return mutated{dir, os.Getenv("GOFLAGS")}, nil
}

func copyFile(to, from string) error {
	text, err := os.ReadFile(from) //nolint:gosec // G304: a file of this module
	if err != nil {
		return err
	}
	return write(to, text)
}

func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600) //nolint:gosec // G703: the paths are those of this module
}

// compile makes sure that a test fails by what it checks, and not because the mutant does not compile.
func (g mutated) compile(ctx context.Context, tests []test) error {
	if out, err := g.run(ctx, "build", "-o", os.DevNull, "./..."); err != nil {
		return fmt.Errorf("does not compile: %w\n%s", err, out)
	}
	for _, t := range tests {
		if out, err := g.run(ctx, "vet", "./"+t.folder); err != nil {
			return fmt.Errorf("%s does not compile: %w\n%s", t.folder, err, out)
		}
	}
	return nil
}

func (g mutated) expectFailure(ctx context.Context, t test) error {
	args := []string{"test", "-count=1", "-timeout=5m", "-run=" + t.run(), "./" + t.folder}
	out, err := g.run(ctx, args...)
	switch {
	case err == nil:
		return fmt.Errorf("survived: go %s", strings.Join(args, " "))
	case !failedIn(out, t.function):
		return fmt.Errorf("the test did not run: go %s\n%s", strings.Join(args, " "), out)
	}
	return nil
}

// failedIn reports whether go test says that the function failed, or that it took the process with it.
func failedIn(out []byte, function string) bool {
	return regexp.MustCompile(`(?m)^(--- FAIL: ` + function + ` |panic: |fatal error: )`).Match(out)
}

// run runs the go command in the mutated tree. It is interrupted like in a terminal, so that tests stop what they started.
func (g mutated) run(ctx context.Context, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "go", args...) //nolint:gosec // G204: the go command
	c.Dir, c.Env = g.dir, append(os.Environ(), "GOFLAGS="+g.flags, "PWD="+g.dir)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = time.Minute
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}
