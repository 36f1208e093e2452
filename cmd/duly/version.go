package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"duly/internal/session"
)

// version is stamped by the build. Without a stamp the build information says which module or commit the program is of.
var version = ""

// versionOf is the version of this program.
func versionOf() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	return buildVersion(info)
}

// buildVersion is the version of the module that was installed, or else dev with the commit that was built.
func buildVersion(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	commit, changed := settingsOf(info)
	if commit == "" {
		return "dev"
	}
	if changed {
		return "dev-" + commit + "-changed"
	}
	return "dev-" + commit
}

// settingsOf is the commit that was built, in short, and whether files differed from it.
func settingsOf(info *debug.BuildInfo) (commit string, changed bool) {
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

// versionView is the document of `duly version`.
type versionView struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Commit   string `json:"commit,omitempty"`
}

func versionCommand(ses *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is, and what it was built from",
		Example: "  duly version\n  duly version --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := versionView{Version: ses.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				v.Commit, _ = settingsOf(info)
			}
			if ses.Screen.JSON {
				return ses.Screen.Print(v)
			}
			line := "duly " + v.Version + " · " + v.Go + " " + v.Platform
			if v.Commit != "" {
				line += " · commit " + v.Commit
			}
			ses.Screen.Say(ses.Screen.Out, line)
			return nil
		},
	}
}
