package main

import (
	"context"

	"github.com/spf13/cobra"

	"duly/internal/checkup"
	"duly/internal/cli"
	"duly/internal/session"
)

// inUse says how a migration treats tables that are in use.
const inUse = " If a table is in use by a long query or transaction, it waits for it for one second at a time, so that no other statement waits longer behind it, and tries again for ten minutes."

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
	add("up", "Apply what is not applied yet", "Applies every migration that is not applied yet. The shop may keep running."+inUse+" After an error or a kill it can be run again.", checkup.MigrateUp)
	add("down", "Take the newest migration back", "Takes the newest migration back. It refuses while a table has rows that it would drop, or columns of."+inUse, checkup.MigrateDown)
	add("status", "List migrations and whether they are applied", "Lists every migration that this program knows, and whether it is applied.", checkup.MigrateStatus)
	group(cmd)
	return cmd
}
