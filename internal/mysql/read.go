package mysql

import (
	"context"
	"database/sql"
	"reflect"
	"time"

	"github.com/jmoiron/sqlx"
)

// SelectContext reads rows into dest, a pointer to a slice. It retries if the connection is lost, unless db is of a [Snapshot].
func (db *DB) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	if db.at != nil {
		return db.at.SelectContext(ctx, dest, query, args...)
	}
	return db.read(ctx, func() error { return Select(ctx, db.DB, dest, query, args...) })
}

// GetContext reads one row into dest. It retries if the connection is lost, unless db is of a [Snapshot].
func (db *DB) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	if db.at != nil {
		return db.at.GetContext(ctx, dest, query, args...)
	}
	return db.read(ctx, func() error { return db.DB.GetContext(ctx, dest, query, args...) })
}

// read retries do, which must only read, a few times.
func (db *DB) read(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || !unavailable(err) || ctx.Err() != nil || try == Reconnect {
			return err
		}
	}
}

// Select reads rows into dest, a pointer to a slice, as sqlx.SelectContext does, but each into its place in the slice.
func Select(ctx context.Context, q sqlx.QueryerContext, dest any, query string, args ...any) error {
	rows, err := q.QueryxContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	return scan(rows, reflect.ValueOf(dest).Elem())
}

// scan fills list with rows.
func scan(rows *sqlx.Rows, list reflect.Value) error {
	read := func(dest any) error { return rows.Scan(dest) }
	if isStruct(list.Type().Elem()) {
		read = rows.StructScan
	}
	list.SetLen(0)
	for rows.Next() {
		n := list.Len()
		list.Grow(1)
		list.SetLen(n + 1)
		list.Index(n).SetZero()
		if err := read(list.Index(n).Addr().Interface()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// isStruct reports whether a row is read into the fields of a value of that type, and not its one column into the value itself.
func isStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() && !reflect.PointerTo(t).Implements(reflect.TypeFor[sql.Scanner]())
}
