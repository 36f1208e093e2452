package mysql

import (
	"strconv"
	"strings"
)

// statement is the text of a statement that is being written, with the values that its marks stand for. A mark costs the driver several
// times what a value that needs no quotes costs here.
type statement struct {
	text strings.Builder
	args []any
}

// value writes v: numbers, booleans, NULL and plain texts as literals, and a placeholder for anything else.
func (s *statement) value(v any) {
	var digits [20]byte // of the longest number, with its sign
	switch v := v.(type) {
	case nil:
		s.text.WriteString("NULL")
	case bool:
		if v {
			s.text.WriteByte('1')
		} else {
			s.text.WriteByte('0')
		}
	case int:
		s.text.Write(strconv.AppendInt(digits[:0], int64(v), 10))
	case int64:
		s.text.Write(strconv.AppendInt(digits[:0], v, 10))
	case uint32:
		s.text.Write(strconv.AppendUint(digits[:0], uint64(v), 10))
	case uint64:
		s.text.Write(strconv.AppendUint(digits[:0], v, 10))
	case string:
		if !quotable(v) {
			s.mark(v)
			break
		}
		s.text.WriteByte('\'')
		s.text.WriteString(v)
		s.text.WriteByte('\'')
	default:
		s.mark(v)
	}
}

func (s *statement) mark(v any) {
	s.text.WriteByte('?')
	s.args = append(s.args, v)
}

// quotable reports whether v can be a quoted literal without escaping, in every SQL mode and character set: it is printable ASCII without single quotes,
// backslashes and question marks, which the driver takes for placeholders. The driver would escape each double quote of JSON.
func quotable(v string) bool {
	for i := range len(v) {
		if c := v[i]; c < ' ' || c > '~' || c == '\'' || c == '\\' || c == '?' {
			return false
		}
	}
	return true
}

// values writes a list of them.
func (s *statement) values(list []any) {
	for i, v := range list {
		if i > 0 {
			s.text.WriteByte(',')
		}
		s.value(v)
	}
}
