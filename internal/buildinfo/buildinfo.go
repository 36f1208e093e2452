// Package buildinfo says what a program was built from.
package buildinfo

import (
	"runtime"
	"runtime/debug"
)

// Version is the version of the module that was installed, or else dev with the commit that was built.
func Version(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	commit, changed := Commit(info)
	if commit == "" {
		return "dev"
	}
	if changed {
		return "dev-" + commit + "-changed"
	}
	return "dev-" + commit
}

// Commit is the commit that was built, in short, and whether files differed from it; empty: it is not known.
func Commit(info *debug.BuildInfo) (commit string, changed bool) {
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value[:min(len(s.Value), 12)]
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	return commit, changed
}

// View is the document of `duly version`.
type View struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Commit   string `json:"commit,omitempty"`
}

// Of is what this program of that version was built from.
func Of(version string) View {
	v := View{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Commit, _ = Commit(info)
	}
	return v
}

// Line is v for people.
func (v View) Line() string {
	line := "duly " + v.Version + " · " + v.Go + " " + v.Platform
	if v.Commit != "" {
		line += " · commit " + v.Commit
	}
	return line
}
