package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// licenceName is what files with licences, and with notices that must be handed on, are called.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

var errNoLicence = errors.New("no file with a licence")

// writeNotices writes the licence of each module that a program is linked of, and of Go itself, in the order of their names.
func writeNotices(program string, out io.Writer) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	text, err := notices(info)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

func notices(info *debug.BuildInfo) ([]byte, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output() //nolint:noctx // it ends at once
	if err != nil {
		return nil, fmt.Errorf("find Go's own folder: %w", err)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s is linked of the Go standard library and of %d modules. Their licences follow.\n", filepath.Base(info.Path), len(info.Deps))
	if err := notice(&text, "Go "+strings.TrimPrefix(info.GoVersion, "go"), strings.TrimSpace(string(root))); err != nil {
		return nil, err
	}
	deps := slices.Clone(info.Deps)
	slices.SortFunc(deps, func(a, b *debug.Module) int { return strings.Compare(a.Path, b.Path) })
	for _, dep := range deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		folder, err := moduleFolder(dep)
		if err != nil {
			return nil, err
		}
		if err := notice(&text, dep.Path+" "+dep.Version, folder); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

// moduleFolder is where the sources of a module are; they are fetched if they are not there.
func moduleFolder(m *debug.Module) (string, error) {
	out, err := exec.Command("go", "mod", "download", "-json", m.Path+"@"+m.Version).Output() //nolint:gosec,noctx // names from the program's build
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", m.Path, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil {
		return "", fmt.Errorf("fetch %s: %w", m.Path, err)
	}
	return found.Dir, nil
}

// notice writes what a folder holds of licences and notices.
func notice(out *bytes.Buffer, title, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	found := 0
	for _, entry := range entries {
		if entry.IsDir() || !licenceName.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, entry.Name())) //nolint:gosec // a module's own file
		if err != nil {
			return err
		}
		found++
		fmt.Fprintf(out, "\n%[1]s\n%[2]s: %[3]s\n%[1]s\n\n%[4]s\n", strings.Repeat("=", 80), title, entry.Name(), bytes.TrimSpace(text))
	}
	if found == 0 {
		return fmt.Errorf("%s: %w in %s", title, errNoLicence, folder)
	}
	return nil
}
