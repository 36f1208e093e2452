// Package buildinfo describes the build of a program.
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

// Commit is the short hash of the commit that was built, and whether files differed from it; empty: unknown.
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

// Of describes the build of this program, of that version.
func Of(version string) View {
	v := View{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Commit, _ = Commit(info)
	}
	return v
}

// Line formats v for people.
func (v View) Line() string {
	line := "duly " + v.Version + " · " + v.Go + " " + v.Platform
	if v.Commit != "" {
		line += " · commit " + v.Commit
	}
	return line
}
