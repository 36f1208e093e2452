//go:build man

package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"duly/internal/exit"
)

// extra has the command that writes the manual pages. It is in no binary that is installed: what it needs would be a part of each.
func extra() []*cobra.Command { return []*cobra.Command{manCommand()} }

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages into a folder", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return exit.Failed(err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			return exit.Failed(doc.GenManTree(root, &doc.GenManHeader{Title: "DULY", Section: "1", Source: "duly"}, args[0]))
		},
	}
}
