package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"duly/migrations"
)

func (a *app) migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema up to date, take it back, or show where it stands",
		Example: "  duly migrate up\n" +
			"  duly migrate status",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return usagef("say `duly migrate up`, `down` or `status`") },
	}
	cmd.AddCommand(
		&cobra.Command{Use: "up", Short: "Apply what is not applied yet", Args: cobra.NoArgs, RunE: a.migrateUp},
		&cobra.Command{Use: "down", Short: "Take the newest migration back; refuses while rows exist", Args: cobra.NoArgs, RunE: a.migrateDown},
		&cobra.Command{Use: "status", Short: "List migrations and whether they are applied", Args: cobra.NoArgs, RunE: a.migrateStatus},
	)
	return cmd
}

func (a *app) migrateUp(cmd *cobra.Command, _ []string) error {
	return a.withDatabase(cmd.Context(), func(db *database) error {
		names, err := migrations.Up(cmd.Context(), db.DB.DB.DB)
		if err != nil {
			return failed(err)
		}
		if a.json {
			return a.print(map[string]any{"applied": names})
		}
		for _, name := range names {
			fmt.Fprintln(a.out, "applied "+name)
		}
		if len(names) == 0 {
			fmt.Fprintln(a.out, "nothing to do: the schema is up to date")
		}
		return nil
	})
}

func (a *app) migrateDown(cmd *cobra.Command, _ []string) error {
	return a.withDatabase(cmd.Context(), func(db *database) error {
		name, err := migrations.Down(cmd.Context(), db.DB.DB.DB)
		if err != nil {
			return failed(err)
		}
		if a.json {
			return a.print(map[string]any{"taken_back": name})
		}
		fmt.Fprintln(a.out, "took back "+name)
		return nil
	})
}

func (a *app) migrateStatus(cmd *cobra.Command, _ []string) error {
	return a.withDatabase(cmd.Context(), func(db *database) error {
		list, err := migrations.Status(cmd.Context(), db.DB.DB.DB)
		if err != nil {
			return failed(err)
		}
		if a.json {
			return a.print(list)
		}
		for _, m := range list {
			state := "pending"
			if m.Applied {
				state = "applied"
			}
			fmt.Fprintf(a.out, "%-8s %s\n", state, m.Name)
		}
		return nil
	})
}

// print writes v as the one JSON document of --json.
func (a *app) print(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
