package checkup

import (
	"context"
	"errors"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/session"
	"duly/migrations"
)

// MigrateUp applies the migrations that are not applied yet.
func MigrateUp(ctx context.Context, screen *cli.Screen, db *session.Database) error {
	// Before the first statement, so that none fails half-way because of a setting.
	if err := mysql.CheckIsolation(ctx, db.DB); err != nil {
		return exit.Start(err)
	}
	if err := mysql.CheckSessions(ctx, db.DB); err != nil {
		return exit.Start(err)
	}
	current, want, err := migrations.Versions(ctx, db.DB.DB.DB)
	switch {
	case err != nil:
		return migrateError(ctx, err)
	case current > want:
		return exit.Start(migrations.Check(ctx, db.DB.DB.DB))
	}
	names := []string{} // [] in JSON too
	err = defaultRetries().run(ctx, screen, func() error {
		applied, err := migrations.Up(ctx, db.DB.DB.DB)
		names = append(names, applied...)
		return err
	})
	if err != nil {
		return migrateError(ctx, fmt.Errorf("%w; run it again: what is done already is left as it is", err))
	}
	if screen.JSON {
		return screen.Print(map[string]any{"applied": names})
	}
	for _, name := range names {
		screen.Line("applied %s", name)
	}
	if len(names) == 0 {
		screen.Line("nothing to do: the schema is up to date")
	}
	return nil
}

// migrateError distinguishes a database that is away and a table that is in use (exit 4), and a mistake that somebody must fix (exit 2),
// from a failed migration.
func migrateError(ctx context.Context, err error) error {
	err = mysql.Classify(ctx, err)
	switch {
	case errors.Is(err, migrations.ErrInUse):
		return exit.With(batch.ExitUnfinished, err)
	case errors.Is(err, batch.ErrUnavailable), mysql.IsMisconfigured(err):
		return exit.Start(err)
	}
	return exit.With(batch.ExitFailed, err)
}

// MigrateDown takes the newest migration back, unless rows would be lost.
func MigrateDown(ctx context.Context, screen *cli.Screen, db *session.Database) error {
	current, _, err := migrations.Versions(ctx, db.DB.DB.DB)
	switch {
	case err != nil:
		return migrateError(ctx, err)
	case current == 0:
		return exit.Usagef("migrate down: there is nothing to take back: no migration is applied")
	}
	var name string
	err = defaultRetries().run(ctx, screen, func() (err error) {
		name, err = migrations.Down(ctx, db.DB.DB.DB)
		return err
	})
	switch {
	case errors.Is(err, migrations.ErrRows):
		return exit.Usage(err)
	case err != nil:
		return migrateError(ctx, err)
	case screen.JSON:
		return screen.Print(map[string]any{"taken_back": name})
	}
	screen.Line("took back %s", name)
	return nil
}

// migrationView is one migration.
type migrationView struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

// MigrateStatus lists the migrations, and whether they are applied.
func MigrateStatus(ctx context.Context, screen *cli.Screen, db *session.Database) error {
	list, err := migrations.Status(ctx, db.DB.DB.DB)
	if err != nil {
		return migrateError(ctx, err)
	}
	views := []migrationView{}
	var rows []table.Row
	for _, m := range list {
		views = append(views, migrationView(m))
		state := "pending"
		if m.Applied {
			state = "applied"
		}
		rows = append(rows, table.Row{m.Version, m.Name, state})
	}
	if screen.JSON {
		return screen.Print(views)
	}
	screen.Table(table.Row{"version", "migration", "state"}, rows)
	return nil
}
