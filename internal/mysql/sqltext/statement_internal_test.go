package mysql

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Only what needs no quotes, and texts that mean the same between quotes in every session, stand in a statement; everything else, whatever its type is
// called, is given to the driver.
func TestValuesOfAStatement(t *testing.T) {
	type name string
	at := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	var s statement
	s.values([]any{
		nil, true, false, 0, -7, int64(math.MinInt64), uint32(math.MaxUint32), uint64(math.MaxUint64), "1", "'; --", name("1"), []byte("2"), at, 1.5, "",
		`{"a":[1]}`, `back\slash`, "mark?", "new\nline", "\x00", "\x7f", "한", "\xff", `a "b" -- /* #`,
	})
	require.Equal(t, "NULL,1,0,0,-7,-9223372036854775808,4294967295,18446744073709551615,'1',?,?,?,?,?,'',"+
		`'{"a":[1]}',?,?,?,?,?,?,?,'a "b" -- /* #'`, s.text.String())
	require.Equal(t, []any{"'; --", name("1"), []byte("2"), at, 1.5, `back\slash`, "mark?", "new\nline", "\x00", "\x7f", "한", "\xff"}, s.args)
}
