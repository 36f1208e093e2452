package testdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

// shape is what a migrated database is before a test has used it. A database
// that still has that shape after a test is emptied and given to the next one,
// in a fraction of the time that it takes to make one.
type shape struct {
	tables      []string
	definitions []string
	seeded      map[string]int64 // checksums of the tables that the migrations fill
}

// A table's definition holds the next id, which rows that are gone leave behind.
var nextID = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// readShape reads what the database is made of. Views, triggers, routines,
// events and rights are none of it: a database that has any is no other test's.
func readShape(ctx context.Context, db *sqlx.Conn) (*shape, error) {
	s := &shape{seeded: map[string]int64{}}
	if err := db.SelectContext(ctx, &s.tables, "SHOW TABLES"); err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	var err error
	if s.definitions, err = definitions(ctx, db, s.tables); err != nil {
		return nil, err
	}
	used, err := used(ctx, db, s.tables)
	if err != nil {
		return nil, err
	}
	for i, table := range s.tables {
		if !used[i] {
			continue
		}
		if s.seeded[table], err = checksum(ctx, db, table); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// definitions are what makes the tables. One that is no table, or is missing,
// is an error.
func definitions(ctx context.Context, db *sqlx.Conn, tables []string) ([]string, error) {
	var statements strings.Builder
	for _, table := range tables {
		fmt.Fprintf(&statements, "SHOW CREATE TABLE %s;", table)
	}
	rows, err := db.QueryContext(ctx, strings.TrimSuffix(statements.String(), ";"))
	if err != nil {
		return nil, fmt.Errorf("read the definitions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var found []string
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			var name, definition string
			if err := rows.Scan(&name, &definition); err != nil {
				return nil, fmt.Errorf("read a definition: %w", err)
			}
			found = append(found, definition)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the definitions: %w", err)
	}
	return found, nil
}

// used says of each table whether it has rows.
func used(ctx context.Context, db *sqlx.Conn, tables []string) ([]bool, error) {
	used := make([]bool, len(tables))
	into := make([]any, len(tables))
	exists := make([]string, len(tables))
	for i, table := range tables {
		into[i], exists[i] = &used[i], "EXISTS (SELECT 1 FROM "+table+")"
	}
	if err := db.QueryRowxContext(ctx, "SELECT "+strings.Join(exists, ", ")).Scan(into...); err != nil {
		return nil, fmt.Errorf("look for rows: %w", err)
	}
	return used, nil
}

func checksum(ctx context.Context, db *sqlx.Conn, table string) (int64, error) {
	var name string
	var sum sql.NullInt64
	if err := db.QueryRowxContext(ctx, "CHECKSUM TABLE "+table).Scan(&name, &sum); err != nil {
		return 0, fmt.Errorf("add up the rows of %s: %w", table, err)
	}
	return sum.Int64, nil
}

// errChanged says that a test has made something else of its database.
var errChanged = errors.New("the database is no longer what it was")

// empty makes the database what it was when it was new, or returns errChanged.
func (s *shape) empty(ctx context.Context, db *sqlx.Conn) error {
	var added int
	if err := db.GetContext(ctx, &added, `SELECT
(SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()) - ? +
(SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()) +
(SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE()) +
(SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE()) +
(SELECT COUNT(*) FROM mysql.db WHERE REPLACE(db, '\\', '') = DATABASE()) +
(SELECT COUNT(*) FROM mysql.tables_priv WHERE db = DATABASE()) +
(SELECT COUNT(*) FROM mysql.columns_priv WHERE db = DATABASE())`, len(s.tables)); err != nil {
		return fmt.Errorf("look for what is no table: %w", err)
	}
	if added != 0 {
		return errChanged
	}
	now, err := definitions(ctx, db, s.tables)
	if err != nil {
		return err
	}
	rows, err := used(ctx, db, s.tables)
	if err != nil {
		return err
	}
	var statements strings.Builder
	for i, table := range s.tables {
		sum, seeded := s.seeded[table]
		switch {
		case nextID.ReplaceAllString(now[i], "") != nextID.ReplaceAllString(s.definitions[i], ""):
			return errChanged
		case seeded:
			found, err := checksum(ctx, db, table)
			if err != nil {
				return err
			}
			if now[i] != s.definitions[i] || found != sum {
				return errChanged
			}
		case rows[i], now[i] != s.definitions[i]:
			fmt.Fprintf(&statements, "TRUNCATE TABLE %s;", table)
		}
	}
	if statements.Len() == 0 {
		return nil
	}
	if _, err := db.ExecContext(ctx, "SET SESSION foreign_key_checks = 0;"+statements.String()+"SET SESSION foreign_key_checks = 1"); err != nil {
		return fmt.Errorf("empty the tables: %w", err)
	}
	return nil
}

// leave ends a test's use of the database: a transaction that is still open is
// an error, and what has the tables that it had may be another test's.
func (s *Server) leave(db *sqlx.DB, name string) error {
	tables := strings.Join(s.shape.tables, " WRITE, ") + " WRITE"
	_, err := db.ExecContext(context.Background(), "SET SESSION lock_wait_timeout = 5; LOCK TABLES "+tables+"; UNLOCK TABLES")
	if err != nil {
		return drop(db, name) // it says what is wrong
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("close the connections: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, name)
	return nil
}

// again returns a database that an earlier test has left, as if it were new, or
// nil if there is none. One that still has connections is left for later.
func (s *Server) again(t testing.TB) (*sqlx.DB, string) {
	t.Helper()
	for range 3 {
		s.mu.Lock()
		if len(s.idle) == 0 {
			s.mu.Unlock()
			return nil, ""
		}
		name := s.idle[0]
		s.idle = s.idle[1:]
		s.mu.Unlock()

		db, err := connect(s.DSN(name))
		require.NoError(t, err)
		switch err := s.renew(t.Context(), db); {
		case err == nil:
			return db, name
		case errors.Is(err, errBusy):
			require.NoError(t, db.Close())
			s.mu.Lock()
			s.idle = append(s.idle, name)
			s.mu.Unlock()
		default:
			require.NoError(t, drop(db, name), "drop what a test has changed: %v", err)
		}
	}
	return nil, ""
}

// errBusy says that somebody is still connected.
var errBusy = errors.New("the database has connections")

func (s *Server) renew(ctx context.Context, db *sqlx.DB) error {
	c, err := db.Connx(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = c.Close() }()
	var others int
	if err := c.GetContext(ctx, &others, "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"); err != nil {
		return fmt.Errorf("look for connections: %w", err)
	}
	if others > 0 {
		return errBusy
	}
	return s.shape.empty(ctx, c)
}
