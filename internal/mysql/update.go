package mysql

import (
	"context"
	"fmt"

	"duly/internal/mysql/sqltext"
)

// Update changes rows of a table by primary key with one statement. Each row is its id followed by a value for
// each column; where narrows it down further, constant adds assignments that are the same for every row. It
// returns how many rows matched.
//
// The caller's transaction has locked the rows. Rows that stand beside them in the table are neither changed nor waited for.
func Update(ctx context.Context, e Execer, table string, columns []string, rows [][]any, where string, constant ...string) (int64, error) {
	ids := make([]uint64, len(rows))
	for i, row := range rows {
		id, ok := rowID(row[0])
		if !ok {
			return 0, fmt.Errorf("update %s: %v is no id of a row", table, row[0])
		}
		ids[i] = id
	}
	list := make([]sqltext.Column, len(columns))
	for c, name := range columns {
		list[c] = sqltext.Column{Name: name, Of: func(i int) any { return rows[i][c+1] }}
	}
	return Change(ctx, e, table, ids, list, where, constant...)
}

func rowID(value any) (uint64, bool) {
	switch id := value.(type) {
	case uint64:
		return id, id > 0
	case int64:
		return uint64(id), id > 0 //nolint:gosec // G115: positive
	case int:
		return uint64(id), id > 0 //nolint:gosec // G115: positive
	}
	return 0, false
}

// Change is [Update] of the rows with these ids, whose values are asked for as they are written.
func Change(ctx context.Context, e Execer, table string, ids []uint64, columns []sqltext.Column, where string, constant ...string) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	text, args, err := sqltext.Change(table, ids, columns, where, constant)
	if err != nil {
		return 0, fmt.Errorf("update %s: %w", table, err)
	}
	result, err := e.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
