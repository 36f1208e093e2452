package tuned

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

// Open makes the pool of a job: a connection for each chunk and one for the reader, set up as duly's are, but for several
// statements in one packet, which duly allows nowhere.
func Open(dsn string) (*sqlx.DB, error) {
	cfg, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the DSN: %w", err)
	}
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.InterpolateParams, cfg.MultiStatements = true, true
	cfg.Params = map[string]string{"time_zone": "'+00:00'", "tx_isolation": "'READ-COMMITTED'"}
	connector, err := mysqldriver.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("read the DSN: %w", err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(Writers + 1)
	pool.SetMaxIdleConns(Writers + 1)
	return sqlx.NewDb(pool, "mysql"), nil
}

// transact runs fn in a transaction.
func (j Job) transact(ctx context.Context, fn func(tx *sqlx.Tx) error) error {
	tx, err := j.DB.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// each runs a statement once for each row, all in one packet, as a driver does with what a framework's writer gives it.
func each(ctx context.Context, tx *sqlx.Tx, statement string, rows [][]any) error {
	args := make([]any, 0, len(rows)*len(rows[0]))
	for _, row := range rows {
		args = append(args, row...)
	}
	_, err := tx.ExecContext(ctx, strings.Repeat(statement+";", len(rows)), args...)
	return err
}
