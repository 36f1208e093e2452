package main

import (
	"context"

	"github.com/spf13/cobra"

	"duly/internal/checkup"
	"duly/internal/cli"
	"duly/internal/session"
)

func migrateCommand(ses *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema up to date, take it back, or show where it stands",
		Example: "  duly migrate up\n" +
			"  duly migrate status",
	}
	add := func(name, short, long string, do func(context.Context, *cli.Screen, *session.Database) error) {
		cmd.AddCommand(&cobra.Command{
			Use: name, Short: short, Long: long, Example: "  duly migrate " + name, Args: noArguments,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return ses.WithDatabase(cmd.Context(), func(db *session.Database) error { return do(cmd.Context(), ses.Screen, db) })
			},
		})
	}
	add("up", "Apply what is not applied yet", "Applies every migration that is not applied yet, beside a working shop. A table that a long query or transaction uses is left to it: nobody waits behind the migration for more than a second, and it asks again for ten minutes. It can be run again after it was killed.", checkup.MigrateUp)
	add("down", "Take the newest migration back", "Takes the newest migration back. It refuses while a table has rows that it would drop, or columns of.", checkup.MigrateDown)
	add("status", "List migrations and whether they are applied", "Lists every migration that this program knows, and whether it is applied.", checkup.MigrateStatus)
	group(cmd)
	return cmd
}
