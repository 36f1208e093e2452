package tuned

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

// Open makes the pool of a job: a connection for each chunk and one for the reader, set up as duly's are.
func Open(dsn string) (*sqlx.DB, error) {
	cfg, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the DSN: %w", err)
	}
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.InterpolateParams = true
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

// each updates a row for each of rows with one statement, which has their values as JSON: statement reads them as v.
func each(ctx context.Context, tx *sqlx.Tx, statement string, rows any) error {
	values, err := json.Marshal(rows)
	if err == nil {
		_, err = tx.ExecContext(ctx, statement, values)
	}
	return err
}
