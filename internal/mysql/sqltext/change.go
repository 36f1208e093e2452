package sqltext

import (
	"bytes"
	"errors"
	"slices"
)

// Column is a column that is changed. Of is its value in the i-th row; it may be asked for more than once.
type Column struct {
	Name string
	Of   func(i int) any
}

// Change is an UPDATE of the rows of a table with these ids, and what its marks stand for. where narrows it down further, constant adds assignments
// that are the same for every row.
func Change(table string, ids []uint64, columns []Column, where string, constant []string) (text string, args []any, _ error) {
	u := changing{ids: idsOf(ids)}
	if u.ids.first == 0 {
		return "", nil, errors.New("0 is no id of a row")
	}
	u.text.WriteString("UPDATE " + table + " SET ")
	for c, column := range columns {
		if c > 0 {
			u.text.WriteByte(',')
		}
		u.assign(column)
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
	return u.text.String(), u.args, nil
}

// changing is a statement that is being written.
type changing struct {
	statement

	ids rowIDs
}

// assign gives a column its values. A value is found by how far its row's id is from the first, in one step, where ids are close to each
// other. CASE compares a row with all that stand before it.
func (u *changing) assign(column Column) {
	u.text.WriteString(column.Name)
	if first, same := column.same(len(u.ids.list)); same {
		u.text.WriteByte('=')
		u.value(first)
		return
	}
	if !u.ids.dense {
		u.text.WriteString("=CASE id")
		for i, id := range u.ids.list {
			u.text.WriteString(" WHEN ")
			u.unsigned(id)
			u.text.WriteString(" THEN ")
			u.value(column.Of(i))
		}
		u.text.WriteString(" END")
		return
	}
	u.text.WriteString("=ELT(id-")
	u.unsigned(u.ids.first - 1)
	for _, row := range u.ids.rows() {
		u.text.WriteByte(',')
		if row == 0 {
			u.null()
		} else {
			u.value(column.Of(row - 1))
		}
	}
	u.text.WriteByte(')')
}

// match names the rows: by ranges of ids where they follow each other. Each range holds no other id.
func (u *changing) match() {
	runs := runsOf(u.ids.sorted)
	if 4*len(runs) > len(u.ids.list) {
		u.text.WriteString("id IN (")
		for i, id := range u.ids.list {
			if i > 0 {
				u.text.WriteByte(',')
			}
			u.unsigned(id)
		}
		u.text.WriteByte(')')
		return
	}
	for i, run := range runs {
		u.text.WriteString([]string{"(id BETWEEN ", " OR id BETWEEN "}[min(i, 1)])
		u.unsigned(run[0])
		u.text.WriteString(" AND ")
		u.unsigned(run[1])
	}
	u.text.WriteByte(')')
}

// Among builds the condition that a column, a table's primary key, is one of ids, with ranges for consecutive ids. A locking range also locks the row
// after its end, so each range ends before its last id, which is listed separately. Only if no row has that last id is another row examined.
func Among(column string, ids []uint64) string {
	ids = sorted(ids)
	runs := runsOf(ids)
	var s statement
	if 4*len(runs) > len(ids) {
		s.text.WriteString(column + " IN (")
		for i, id := range ids {
			if i > 0 {
				s.text.WriteByte(',')
			}
			s.unsigned(id)
		}
		s.text.WriteByte(')')
		return s.text.String()
	}
	for i, run := range runs {
		s.text.WriteString([]string{"(", " OR "}[min(i, 1)])
		if run[0] < run[1] {
			s.text.WriteString(column + " BETWEEN ")
			s.unsigned(run[0])
			s.text.WriteString(" AND ")
			s.unsigned(run[1] - 1)
			s.text.WriteString(" OR ")
		}
		s.text.WriteString(column + " = ")
		s.unsigned(run[1])
	}
	s.text.WriteByte(')')
	return s.text.String()
}

// rowIDs are the ids of rows, in the order of the rows.
type rowIDs struct {
	list        []uint64
	sorted      []uint64
	first, last uint64
	// dense: no id stands twice, and at most as many are missing between the first and the last as there are.
	dense bool
	at    []int // see rows
}

func idsOf(list []uint64) rowIDs {
	ids := rowIDs{list: list, sorted: sorted(list)}
	ids.first, ids.last = ids.sorted[0], ids.sorted[len(list)-1]
	ids.dense = ids.last-ids.first < 2*uint64(len(list)) && distinct(ids.sorted)
	return ids
}

// rows are, for every id from the first to the last, the number of its row, counted from 1; 0: none has it. The ids must be dense.
func (r *rowIDs) rows() []int {
	if r.at == nil {
		r.at = make([]int, r.last-r.first+1)
		for i, id := range r.list {
			r.at[id-r.first] = i + 1
		}
	}
	return r.at
}

// sorted are the ids in their order. They are not to be changed.
func sorted(ids []uint64) []uint64 {
	if !slices.IsSorted(ids) {
		ids = slices.Clone(ids)
		slices.Sort(ids)
	}
	return ids
}

// distinct reports whether no id of a sorted list stands twice.
func distinct(ids []uint64) bool {
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return false
		}
	}
	return true
}

// runsOf are the first and the last of ids that follow each other, of a sorted list.
func runsOf(ids []uint64) [][2]uint64 {
	var runs [][2]uint64
	for _, id := range ids {
		if n := len(runs); n > 0 && id <= runs[n-1][1]+1 {
			runs[n-1][1] = id
			continue
		}
		runs = append(runs, [2]uint64{id, id})
	}
	return runs
}

// same returns the value of the first of n rows, and whether all have it.
func (c Column) same(n int) (first any, same bool) {
	first = c.Of(0)
	for i := 1; i < n; i++ {
		if !equal(c.Of(i), first) {
			return first, false
		}
	}
	return first, true
}

func equal(a, b any) bool {
	x, ok := a.([]byte)
	if !ok {
		return a == b
	}
	y, ok := b.([]byte)
	return ok && bytes.Equal(x, y)
}
