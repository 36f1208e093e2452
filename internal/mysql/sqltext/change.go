package mysql

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// Update changes rows of a table by primary key with one statement. Each row is its id followed by a value for
// each column; where narrows it down further, constant adds assignments that are the same for every row. It
// returns how many rows matched.
//
// The caller's transaction has locked the rows. Rows that stand beside them in the table are neither changed nor waited for.
func Update(ctx context.Context, e Execer, table string, columns []string, rows [][]any, where string, constant ...string) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	ids, err := idsOf(rows)
	if err != nil {
		return 0, fmt.Errorf("update %s: %w", table, err)
	}
	u := changing{ids: ids}
	u.text.WriteString("UPDATE " + table + " SET ")
	for c, column := range columns {
		if c > 0 {
			u.text.WriteByte(',')
		}
		u.assign(column, rows, c+1)
	}
	for i, assignment := range constant {
		if i > 0 || len(columns) > 0 {
			u.text.WriteByte(',')
		}
		u.text.WriteString(assignment)
	}
	u.text.WriteString(" WHERE ")
	u.match()
	if where != "" {
		u.text.WriteString(" AND " + where)
	}
	result, err := e.ExecContext(ctx, u.text.String(), u.args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// changing is a statement that is being written.
type changing struct {
	statement

	ids rowIDs
}

// assign gives a column its values. A value is found by how far its row's id is from the first, in one step, where ids are close to each
// other. CASE compares a row with all that stand before it.
func (u *changing) assign(column string, rows [][]any, c int) {
	if same(rows, c) {
		u.text.WriteString(column + "=")
		u.value(rows[0][c])
		return
	}
	if !u.ids.dense {
		u.text.WriteString(column + "=CASE id")
		for _, row := range rows {
			u.text.WriteString(" WHEN ")
			u.value(row[0])
			u.text.WriteString(" THEN ")
			u.value(row[c])
		}
		u.text.WriteString(" END")
		return
	}
	values := make([]any, u.ids.span())
	for i, row := range rows {
		values[u.ids.list[i]-u.ids.first] = row[c]
	}
	u.text.WriteString(column + "=ELT(id-")
	u.value(u.ids.first - 1)
	u.text.WriteByte(',')
	u.values(values)
	u.text.WriteByte(')')
}

// match names the rows: by ranges of ids where they follow each other. Each range holds no other id.
func (u *changing) match() {
	runs := u.ids.runs()
	if 4*len(runs) > len(u.ids.list) {
		u.text.WriteString("id IN (")
		for i, id := range u.ids.list {
			if i > 0 {
				u.text.WriteByte(',')
			}
			u.value(id)
		}
		u.text.WriteByte(')')
		return
	}
	for i, run := range runs {
		u.text.WriteString([]string{"(id BETWEEN ", " OR id BETWEEN "}[min(i, 1)])
		u.value(run[0])
		u.text.WriteString(" AND ")
		u.value(run[1])
	}
	u.text.WriteByte(')')
}

// Among builds the condition that a column, a table's primary key, is one of ids, with ranges for consecutive ids. A locking range also locks the row
// after its end, so each range ends before its last id, which is listed separately. Only if no row has that last id is another row examined.
func Among(column string, ids []uint64) string {
	list := rowIDs{list: ids}
	runs := list.runs()
	var s statement
	if 4*len(runs) > len(ids) {
		s.text.WriteString(column + " IN (")
		for i, id := range list.sorted() {
			if i > 0 {
				s.text.WriteByte(',')
			}
			s.value(id)
		}
		s.text.WriteByte(')')
		return s.text.String()
	}
	for i, run := range runs {
		s.text.WriteString([]string{"(", " OR "}[min(i, 1)])
		if run[0] < run[1] {
			s.text.WriteString(column + " BETWEEN ")
			s.value(run[0])
			s.text.WriteString(" AND ")
			s.value(run[1] - 1)
			s.text.WriteString(" OR ")
		}
		s.text.WriteString(column + " = ")
		s.value(run[1])
	}
	s.text.WriteByte(')')
	return s.text.String()
}

// rowIDs are the ids of rows, in the order of the rows.
type rowIDs struct {
	list        []uint64
	first, last uint64
	// dense: no id stands twice, and at most as many are missing between the first and the last as there are.
	dense bool
}

func idsOf(rows [][]any) (rowIDs, error) {
	ids := rowIDs{list: make([]uint64, len(rows))}
	for i, row := range rows {
		id, ok := rowID(row[0])
		if !ok {
			return ids, fmt.Errorf("%v is no id of a row", row[0])
		}
		ids.list[i] = id
	}
	ids.first, ids.last = slices.Min(ids.list), slices.Max(ids.list)
	ids.dense = ids.last-ids.first < 2*uint64(len(rows)) && len(slices.Compact(ids.sorted())) == len(rows)
	return ids, nil
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

func (r rowIDs) span() uint64 { return r.last - r.first + 1 }

func (r rowIDs) sorted() []uint64 { return slices.Sorted(slices.Values(r.list)) }

// runs are the first and the last of ids that follow each other.
func (r rowIDs) runs() [][2]uint64 {
	var runs [][2]uint64
	for _, id := range r.sorted() {
		if n := len(runs); n > 0 && id <= runs[n-1][1]+1 {
			runs[n-1][1] = id
			continue
		}
		runs = append(runs, [2]uint64{id, id})
	}
	return runs
}

// same reports whether column c has one value in all rows.
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
