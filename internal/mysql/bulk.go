package mysql

import (
	"bytes"
	"context"
	"fmt"
	"strings"

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
	var b strings.Builder
	b.WriteString(head)
	mark := "(?" + strings.Repeat(",?", len(rows[0])-1) + ")"
	args := make([]any, 0, len(rows)*len(rows[0]))
	for i, row := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(mark)
		args = append(args, row...)
	}
	b.WriteString(tail)
	result, err := e.ExecContext(ctx, b.String(), args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// Update changes rows of a table by primary key with one statement. Each row is its id followed by a value for
// each column; where narrows it down further, constant adds assignments that are the same for every row. It
// returns how many rows matched.
func Update(ctx context.Context, e Execer, table string, columns []string, rows [][]any, where string, constant ...string) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	var b strings.Builder
	args := make([]any, 0, len(rows)*(2*len(columns)+1))
	b.WriteString("UPDATE " + table + " SET ")
	for c, column := range columns {
		if c > 0 {
			b.WriteByte(',')
		}
		if same(rows, c+1) {
			b.WriteString(column + "=?")
			args = append(args, rows[0][c+1])
			continue
		}
		b.WriteString(column + "=CASE id")
		for _, row := range rows {
			b.WriteString(" WHEN ? THEN ?")
			args = append(args, row[0], row[c+1])
		}
		b.WriteString(" END")
	}
	for i, assignment := range constant {
		if i > 0 || len(columns) > 0 {
			b.WriteByte(',')
		}
		b.WriteString(assignment)
	}
	b.WriteString(" WHERE id IN (?" + strings.Repeat(",?", len(rows)-1) + ")")
	for _, row := range rows {
		args = append(args, row[0])
	}
	if where != "" {
		b.WriteString(" AND " + where)
	}
	result, err := e.ExecContext(ctx, b.String(), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// same reports whether column c has one value in all rows, so that no CASE is needed.
func same(rows [][]any, c int) bool {
	for _, row := range rows[1:] {
		if !equal(row[c], rows[0][c]) {
			return false
		}
	}
	return true
}

func equal(a, b any) bool {
	x, ok := a.([]byte)
	if !ok {
		return a == b
	}
	y, ok := b.([]byte)
	return ok && bytes.Equal(x, y)
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
