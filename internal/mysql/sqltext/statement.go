package sqltext

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// statement is the text of a statement that is being written, with the values that its marks stand for. A mark costs the driver several
// times what a value that needs no quotes costs here.
type statement struct {
	text strings.Builder
	args []any
}

// value writes v: numbers, booleans, NULL, times and plain texts as literals, and a placeholder for anything else.
func (s *statement) value(v any) {
	switch v := v.(type) {
	case nil:
		s.null()
	case bool:
		if v {
			s.text.WriteByte('1')
		} else {
			s.text.WriteByte('0')
		}
	case int:
		s.signed(int64(v))
	case int64:
		s.signed(v)
	case uint32:
		s.unsigned(uint64(v))
	case uint64:
		s.unsigned(v)
	case string:
		s.string(v)
	case time.Time:
		s.time(v)
	default:
		s.mark(v)
	}
}

func (s *statement) null() { s.text.WriteString("NULL") }

func (s *statement) signed(v int64) {
	var digits [20]byte // of the longest number, with its sign
	s.text.Write(strconv.AppendInt(digits[:0], v, 10))
}

func (s *statement) unsigned(v uint64) {
	var digits [20]byte
	s.text.Write(strconv.AppendUint(digits[:0], v, 10))
}

func (s *statement) string(v string) {
	if !quotable(v) {
		s.mark(v)
		return
	}
	s.text.WriteByte('\'')
	s.text.WriteString(v)
	s.text.WriteByte('\'')
}

// time writes an instant as the columns hold it, in UTC and to the microsecond. The driver knows what it writes for one that no column holds.
func (s *statement) time(t time.Time) {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 || t.IsZero() {
		s.mark(t)
		return
	}
	var text [len(storedTime) + 3]byte // nanoseconds, before they are cut
	s.text.Write(t.AppendFormat(text[:0], storedTime))
}

const storedTime = `'2006-01-02 15:04:05.000000'`

// encoded writes a text that is held as bytes.
func (s *statement) encoded(v []byte) {
	if !quotable(v) {
		s.mark(string(v))
		return
	}
	s.text.WriteByte('\'')
	s.text.Write(v)
	s.text.WriteByte('\'')
}

// bytes writes a binary string.
func (s *statement) bytes(v []byte) {
	var digits [64]byte
	s.text.WriteString("x'")
	s.text.Write(hex.AppendEncode(digits[:0], v))
	s.text.WriteByte('\'')
}

func (s *statement) mark(v any) {
	s.text.WriteByte('?')
	s.args = append(s.args, v)
}

// quotable reports whether v can be a quoted literal without escaping, in every SQL mode and character set: it is printable ASCII without single quotes,
// backslashes and question marks, which the driver takes for placeholders. The driver would escape each double quote of JSON.
func quotable[T string | []byte](v T) bool {
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
