package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"duly/internal/buildinfo"
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
	return buildinfo.Version(info)
}

func versionCommand(ses *session.Session) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is, and what it was built from",
		Example: "  duly version\n  duly version --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := buildinfo.Of(ses.Version)
			if ses.Screen.JSON {
				return ses.Screen.Print(v)
			}
			ses.Screen.Say(ses.Screen.Out, v.Line())
			return nil
		},
	}
}
