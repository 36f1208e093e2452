package mysql

import (
	"database/sql/driver"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// leastShared is how many values must be saved for a statement of its own.
const leastShared = 100

// sharing is an INSERT of many rows for MariaDB, in which values that all rows have in common stand once: the server takes much of its time for an
// INSERT to read the values. It has no mark: a server that prepares it would not know the length of texts, and cut them without an error. It is nil
// where that takes more than plain texts, or saves little.
func sharing(head string, rows [][]any, tail string) *statement {
	into, ok := strings.CutSuffix(head, " VALUES ")
	shared, own := make([]bool, len(rows[0])), 0
	for c := range shared {
		if shared[c] = same(rows, c); !shared[c] {
			own++
		}
	}
	if !ok || own == 0 || len(rows)*(len(shared)-own) < leastShared {
		return nil
	}
	s := &statement{}
	s.text.Grow(len(head) + len(tail) + len(rows)*(24*own+3) + 32*len(shared))
	s.text.WriteString(into + " WITH v")
	between := " ("
	for c := range shared {
		if !shared[c] {
			s.text.WriteString(between + "c" + strconv.Itoa(c))
			between = ","
		}
	}
	s.text.WriteString(") AS (VALUES ")
	for i, row := range rows {
		between = "("
		if i > 0 {
			between = ",("
		}
		for c, v := range row {
			if shared[c] {
				continue
			}
			s.text.WriteString(between)
			if between = ","; !s.literal(v) {
				return nil
			}
		}
		s.text.WriteByte(')')
	}
	s.text.WriteByte(')')
	between = " SELECT "
	for c, v := range rows[0] {
		s.text.WriteString(between)
		if between = ","; !shared[c] {
			s.text.WriteString("c" + strconv.Itoa(c))
		} else if !s.literal(v) {
			return nil
		}
	}
	s.text.WriteString(" FROM v" + tail)
	return s
}

// literal writes v without a mark, if it can.
func (s *statement) literal(v any) bool {
	if valuer, ok := v.(driver.Valuer); ok {
		var err error
		if v, err = valuer.Value(); err != nil {
			return false
		}
	}
	switch v := v.(type) {
	case []byte:
		s.text.WriteString("x'" + hex.EncodeToString(v) + "'")
	case time.Time:
		if v.IsZero() {
			return false
		}
		s.text.WriteString(v.UTC().Format("'2006-01-02 15:04:05.000000'"))
	default:
		s.value(v)
	}
	return len(s.args) == 0
}
