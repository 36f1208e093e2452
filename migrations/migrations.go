// Package migrations holds the schema, as numbered steps that goose applies: SQL files, and Go where rows are carried over.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// Table is where the applied versions are kept.
const Table = "duly_migrations"

//go:embed *.sql
var files embed.FS

// ErrVersion is wrapped when the schema is not of this program's version.
var ErrVersion = errors.New("schema version")

// ErrRows is wrapped when tables that would be dropped have rows.
var ErrRows = errors.New("tables have rows")

func provider(db *sql.DB) (*goose.Provider, error) {
	store, err := database.NewStore(database.DialectMySQL, Table)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	p, err := goose.NewProvider("", db, fs.FS(files), goose.WithStore(store), goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(backfill()), goose.WithSessionLocker(schemaLock{}))
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}

// The table of versions, and its first row, as goose makes them; a process that is killed between the two leaves a table that goose
// does not take.
const (
	createVersions = `CREATE TABLE IF NOT EXISTS ` + Table + ` (
id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
version_id BIGINT NOT NULL,
is_applied BOOLEAN NOT NULL,
tstamp DATETIME NULL DEFAULT CURRENT_TIMESTAMP
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4`
	firstVersion = `INSERT INTO ` + Table + ` (version_id, is_applied) SELECT 0, TRUE FROM DUAL
WHERE NOT EXISTS (SELECT 1 FROM ` + Table + ` WHERE version_id = 0)`
)

// makeVersions makes the table of versions, unless it is there.
func makeVersions(ctx context.Context, db *sql.DB) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := (schemaLock{}).SessionLock(ctx, conn); err != nil {
		return err
	}
	for _, statement := range []string{createVersions, firstVersion} {
		if _, err = conn.ExecContext(ctx, statement); err != nil {
			break
		}
	}
	return errors.Join(err, schemaLock{}.SessionUnlock(context.WithoutCancel(ctx), conn))
}

// Up applies what is not applied yet and returns the names of the files that it ran, those before an error too. After an error, or
// after it was killed, it can be run again; the error wraps [ErrInUse] if nothing else was wrong.
func Up(ctx context.Context, db *sql.DB) ([]string, error) {
	if err := makeVersions(ctx, db); err != nil {
		return nil, fmt.Errorf("migrate up: %w", err)
	}
	p, err := provider(db)
	if err != nil {
		return nil, err
	}
	results, err := p.Up(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		results = partial.Applied
	}
	names := make([]string, 0, len(results))
	for _, r := range results {
		names = append(names, r.Source.Path)
	}
	if err != nil {
		return names, fmt.Errorf("migrate up: %w", inUse(err))
	}
	return names, nil
}

// Down takes the newest migration back. It refuses while any table has rows that it would drop, or columns of. Its error wraps
// [ErrInUse] as that of [Up] does.
func Down(ctx context.Context, db *sql.DB) (string, error) {
	if table, err := filled(ctx, db); err != nil {
		return "", err
	} else if table != "" {
		return "", fmt.Errorf("migrate down: %w: %s has rows, and would lose them or columns of them; empty it first", ErrRows, table)
	}
	p, err := provider(db)
	if err != nil {
		return "", err
	}
	r, err := p.Down(ctx)
	if err != nil {
		return "", fmt.Errorf("migrate down: %w", inUse(err))
	}
	return r.Source.Path, nil
}

// Tables are the tables of the newest schema whose rows are somebody's data.
func Tables() []string {
	return []string{
		"subscriptions", "invoices", "payment_attempts", "gateway_answers", "orders", "order_items", "products",
		"payments", "order_checks", "events", "event_deliveries", "job_runs", "step_runs", "pauses", "schedule_firings",
		"operator_actions", "daily_order_stats", "daily_product_sales", "audit_findings",
		"gateway_accounts", "gateway_controls", "bookings", "unknown_charges", "known_servers", "row_failures",
		"subscription_changes", "refunds", "notices",
	}
}

// drops finds the tables that statements drop, or drop something of; of a constraint that is dropped, which holds no row's data, it says so.
var drops = regexp.MustCompile(`(?m)^\s*(?:DROP TABLE IF EXISTS|'?ALTER TABLE) (\w+)( DROP CONSTRAINT)?`)

// dropped are the tables of which the way back from a version drops rows or columns, as its file says.
func dropped(version int64) ([]string, error) {
	names, err := fs.Glob(files, fmt.Sprintf("%05d_*.sql", version))
	if err != nil || len(names) == 0 { // a migration in Go drops none
		return nil, err
	}
	text, err := files.ReadFile(names[0])
	if err != nil {
		return nil, err
	}
	_, back, _ := strings.Cut(string(text), "-- +goose Down")
	var tables []string
	for _, found := range drops.FindAllStringSubmatch(back, -1) {
		if table := found[1]; found[2] == "" && table != "claim_probe" && table != "outbox_marks" { // their rows are nobody's data
			tables = append(tables, table)
		}
	}
	return tables, nil
}

func filled(ctx context.Context, db *sql.DB) (string, error) {
	current, _, err := Versions(ctx, db)
	if err != nil || current == 0 {
		return "", err
	}
	tables, err := dropped(current)
	if err != nil {
		return "", fmt.Errorf("migrate down: %w", err)
	}
	for _, table := range tables {
		var n int
		err := db.QueryRowContext(ctx,
			"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", table).Scan(&n)
		if err != nil {
			return "", fmt.Errorf("migrate down: look for %s: %w", table, err)
		}
		if n == 0 { // a way back that was killed has dropped it
			continue
		}
		err = db.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM "+table+" LIMIT 1) t").Scan(&n)
		if err != nil {
			return "", fmt.Errorf("migrate down: look into %s: %w", table, err)
		}
		if n > 0 {
			return table, nil
		}
	}
	return "", nil
}

// Migration is one line of Status.
type Migration struct {
	Version int64
	Name    string
	Applied bool
}

// Status lists every migration that this program knows.
func Status(ctx context.Context, db *sql.DB) ([]Migration, error) {
	p, err := provider(db)
	if err != nil {
		return nil, err
	}
	rows, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate status: %w", err)
	}
	out := make([]Migration, 0, len(rows))
	for _, r := range rows {
		out = append(out, Migration{Version: r.Source.Version, Name: r.Source.Path, Applied: r.State == goose.StateApplied})
	}
	return out, nil
}

// Versions gives the schema's version, 0 if there is none, and the one that this program was built for. It
// changes nothing.
func Versions(ctx context.Context, db *sql.DB) (current, want int64, err error) {
	p, err := provider(db)
	if err != nil {
		return 0, 0, err
	}
	for _, s := range p.ListSources() {
		want = max(want, s.Version)
	}
	var tables int
	err = db.QueryRowContext(ctx,
		"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", Table).Scan(&tables)
	if err != nil {
		return 0, want, fmt.Errorf("read the schema version: %w", err)
	}
	if tables == 0 {
		return 0, want, nil
	}
	// A version taken back is deleted from the table, so the highest one is the current one.
	err = db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+Table+" WHERE is_applied").Scan(&current)
	if err != nil {
		return 0, want, fmt.Errorf("read the schema version: %w", err)
	}
	return current, want, nil
}

// Check returns an error that says what to do, wrapping ErrVersion, unless the schema is of this program's version.
func Check(ctx context.Context, db *sql.DB) error {
	current, want, err := Versions(ctx, db)
	switch {
	case err != nil:
		return err
	case current == 0:
		return fmt.Errorf("%w: the database has no duly schema; run `duly migrate up`", ErrVersion)
	case current < want:
		return fmt.Errorf("%w: %d is older than this program's %d; run `duly migrate up`", ErrVersion, current, want)
	case current > want:
		return fmt.Errorf("%w: %d is newer than this program's %d; run a newer duly", ErrVersion, current, want)
	}
	return nil
}
