package mysql

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// Execer runs a statement: a pool, a connection or a transaction.
type Execer interface {
	sqlx.ExecerContext
}

// Insert writes rows with one multi-row INSERT and returns the first generated id. head is the statement up to
// and including VALUES, tail what follows the rows; every row has the same number of values.
func Insert(ctx context.Context, e Execer, head string, rows [][]any, tail string) (first int64, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	s := inserting(head, rows, tail)
	result, err := e.ExecContext(ctx, s.text.String(), s.args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// InsertReturning inserts like [Insert] and reads columns of the inserted rows into dest, a pointer to a slice, in no particular order. If the server
// or a proxy does not support RETURNING, done is false and nothing is inserted.
func (s Server) InsertReturning(ctx context.Context, q sqlx.QueryerContext, dest any, head string, rows [][]any, columns string) (done bool, _ error) {
	if !s.Returns {
		return false, nil
	}
	if len(rows) == 0 {
		return true, nil
	}
	insert := inserting(head, rows, " RETURNING "+columns)
	err := redactValues(sqlx.SelectContext(ctx, q, dest, insert.text.String(), insert.args...)) // errors after the first row bypass the redaction of the connection
	if n := number(err); n == codeSyntax || n == codeNotSupported {
		return false, nil // such as a proxy
	}
	return err == nil, err
}

// inserting builds an INSERT of many rows.
func inserting(head string, rows [][]any, tail string) *statement {
	s := &statement{args: make([]any, 0, len(rows)*len(rows[0]))}
	size := len(head) + len(tail) + len(rows)*(5*len(rows[0])+3)
	for _, row := range rows {
		for _, v := range row {
			if text, ok := v.(string); ok {
				size += len(text)
			}
		}
	}
	s.text.Grow(size)
	s.text.WriteString(head)
	for i, row := range rows {
		if i > 0 {
			s.text.WriteByte(',')
		}
		s.text.WriteByte('(')
		s.values(row)
		s.text.WriteByte(')')
	}
	s.text.WriteString(tail)
	return s
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
	return sqlx.SelectContext(ctx, q, dest, query, args...)
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
