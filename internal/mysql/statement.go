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

// value writes v: a number, a truth, NULL or a plain text as it stands in a statement, and a mark for anything else.
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

// quotable reports whether a text stands for itself between quotes, in every mode and character set of a session: it is ASCII and has neither a quote
// nor a backslash, which would need another one, nor a mark. JSON is such a text, and the driver would write a backslash before each of its quotes.
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
