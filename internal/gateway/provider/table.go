package provider

import (
	"fmt"
	"path"
	"strings"

	"duly/internal/gateway"
)

// Row is one code of a provider, and what an adapter takes it for: a [Class] in answers to charges, a payment.Effect in answers to
// refunds.
type Row[T fmt.Stringer] struct {
	// Code is as the provider writes it; a * stands for any text.
	Code string
	// Status is the HTTP status that it is documented with; 0: it is part of a record.
	Status int
	Is     T
	// Meaning, Source and Certainty are those of [gateway.Code].
	Meaning, Source, Certainty string
}

// NewRow makes a row.
func NewRow[T fmt.Stringer](code string, status int, is T, meaning, source, certainty string) Row[T] {
	return Row[T]{Code: code, Status: status, Is: is, Meaning: meaning, Source: source, Certainty: certainty}
}

// Table is a list of codes that is searched by them.
type Table[T fmt.Stringer] struct {
	exact    map[string]Row[T]
	patterns []Row[T]
	rows     []Row[T]
}

// NewTable makes a table. Of two rows with one code the first counts.
func NewTable[T fmt.Stringer](rows ...Row[T]) Table[T] {
	t := Table[T]{exact: make(map[string]Row[T], len(rows)), rows: rows}
	for _, r := range rows {
		if strings.Contains(r.Code, "*") {
			t.patterns = append(t.patterns, r)
		} else if _, twice := t.exact[r.Code]; !twice {
			t.exact[r.Code] = r
		}
	}
	return t
}

// Row finds the row of a code.
func (t Table[T]) Row(code string) (Row[T], bool) {
	if r, ok := t.exact[code]; ok {
		return r, true
	}
	for _, r := range t.patterns {
		if matched, err := path.Match(r.Code, code); err == nil && matched {
			return r, true
		}
	}
	return Row[T]{}, false
}

// Answer finds the row of a code that came with an HTTP status. A row counts only beside the status that it is documented with, or where
// both say that the request was wrong (4xx): with any other status the code means something that nobody has read of.
func (t Table[T]) Answer(code string, status int) (Row[T], bool) {
	r, ok := t.Row(code)
	if ok && (r.Status == status || wrong(r.Status) && wrong(status)) {
		return r, true
	}
	return Row[T]{}, false
}

// wrong reports whether the status says that a request was wrong.
func wrong(status int) bool { return status/100 == 4 }

// Codes lists the rows for people. of is what the codes answer.
func (t Table[T]) Codes(of string) []gateway.Code {
	all := make([]gateway.Code, 0, len(t.rows))
	for _, r := range t.rows {
		all = append(all, gateway.Code{
			Code: r.Code, Status: r.Status, Of: of, Class: r.Is.String(), Meaning: r.Meaning, Source: r.Source, Certainty: r.Certainty,
		})
	}
	return all
}
