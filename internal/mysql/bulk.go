package mysql

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql/sqltext"
)

// Execer runs a statement: a pool, a connection or a transaction.
type Execer interface {
	sqlx.ExecerContext
}

// Insert writes rows with one multi-row INSERT and returns the first generated id. head is the statement up to
// and including VALUES, tail what follows the rows; every row has the same number of values.
func Insert(ctx context.Context, e Execer, head string, rows [][]any, tail string) (first int64, err error) {
	return InsertRows(ctx, e, sqltext.RowsOf(head, rows), tail)
}

// InsertRows inserts rows and returns the first generated id. tail is what follows them.
func InsertRows(ctx context.Context, e Execer, rows *sqltext.Rows, tail string) (first int64, err error) {
	if rows.Len() == 0 {
		return 0, nil
	}
	result, err := e.ExecContext(ctx, rows.SQL(tail), rows.Args()...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// InsertReturning inserts rows and reads columns of them into dest, a pointer to a slice, in no particular order. If the server or a proxy
// does not support RETURNING, done is false and nothing is inserted.
func (s Server) InsertReturning(ctx context.Context, q sqlx.QueryerContext, dest any, rows *sqltext.Rows, columns string) (done bool, _ error) {
	if !s.Returns {
		return false, nil
	}
	if rows.Len() == 0 {
		return true, nil
	}
	err := redactValues(Select(ctx, q, dest, rows.SQL(" RETURNING "+columns), rows.Args()...)) // errors after the first row bypass the redaction of the connection
	if n := number(err); n == codeSyntax || n == codeNotSupported {
		return false, nil // such as a proxy
	}
	return err == nil, err
}

// In expands slices among args for the placeholders of IN lists.
func In(query string, args ...any) (string, []any, error) {
	q, a, err := sqlx.In(query, args...)
	if err != nil {
		return "", nil, fmt.Errorf("expand %d arguments: %w", len(args), err)
	}
	return q, a, nil
}

// SelectIn reads rows into dest, with slices among args expanded for the placeholders of IN lists.
func SelectIn(ctx context.Context, q sqlx.QueryerContext, dest any, query string, args ...any) error {
	query, args, err := In(query, args...)
	if err != nil {
		return err
	}
	if db, ok := q.(*DB); ok {
		return db.SelectContext(ctx, dest, query, args...)
	}
	return Select(ctx, q, dest, query, args...)
}

// Stored is t as a DATETIME(6) column holds it.
func Stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Cut shortens text to at most n characters, so that it fits its column; invalid UTF-8 is replaced.
func Cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
