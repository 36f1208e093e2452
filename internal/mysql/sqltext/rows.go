package sqltext

import "time"

// Rows is an INSERT that is being written. Values are text as soon as they are known, so that many rows are kept only once.
type Rows struct {
	statement

	n, expected int
	first, end  int  // where the first row begins, and where the last one ended
	begun       bool // the row has a value
}

// NewRows begins an INSERT of about that many rows; head is the statement up to and including VALUES.
func NewRows(head string, expected int) *Rows {
	r := &Rows{expected: expected, first: len(head)}
	r.text.WriteString(head)
	return r
}

// RowsOf is an INSERT of these rows, each of which has the same number of values.
func RowsOf(head string, rows [][]any) *Rows {
	r := NewRows(head, len(rows))
	for _, row := range rows {
		r.Row()
		for _, v := range row {
			r.Value(v)
		}
	}
	return r
}

// Len is how many rows there are.
func (r *Rows) Len() int { return r.n }

// Row begins the next row. The values that follow are its columns.
func (r *Rows) Row() *Rows {
	if r.n == 1 { // the others are about as long as the first
		length := r.text.Len() - r.first
		r.text.Grow((r.expected-1)*(length+length/16+8) + maxTail)
	}
	if r.n > 0 {
		r.text.WriteString("),")
	}
	r.text.WriteByte('(')
	r.n++
	r.begun = false
	return r
}

// maxTail is about how long the end of a statement is.
const maxTail = 128

func (r *Rows) next() {
	if r.begun {
		r.text.WriteByte(',')
	}
	r.begun = true
}

// Uint adds a number.
func (r *Rows) Uint(v uint64) *Rows {
	r.next()
	r.unsigned(v)
	return r
}

// Int adds a number.
func (r *Rows) Int(v int64) *Rows {
	r.next()
	r.signed(v)
	return r
}

// Text adds a text.
func (r *Rows) Text(v string) *Rows {
	r.next()
	r.string(v)
	return r
}

// Encoded adds a text. v is free again afterwards.
func (r *Rows) Encoded(v []byte) *Rows {
	r.next()
	r.encoded(v)
	return r
}

// Optional adds a text; empty: NULL.
func (r *Rows) Optional(v string) *Rows {
	if v == "" {
		return r.Null()
	}
	return r.Text(v)
}

// Bytes adds a binary string.
func (r *Rows) Bytes(v []byte) *Rows {
	r.next()
	r.bytes(v)
	return r
}

// Time adds an instant.
func (r *Rows) Time(v time.Time) *Rows {
	r.next()
	r.time(v)
	return r
}

// Null adds NULL.
func (r *Rows) Null() *Rows {
	r.next()
	r.null()
	return r
}

// Value adds anything that the driver takes.
func (r *Rows) Value(v any) *Rows {
	r.next()
	r.value(v)
	return r
}

// Args are what the marks in the statement stand for.
func (r *Rows) Args() []any { return r.args }

// SQL is the statement with what follows its rows.
func (r *Rows) SQL(tail string) string {
	if r.end > 0 { // it was tried with another one
		return r.text.String()[:r.end] + tail
	}
	r.text.WriteByte(')')
	r.end = r.text.Len()
	r.text.WriteString(tail)
	return r.text.String()
}
