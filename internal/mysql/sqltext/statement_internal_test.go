package sqltext

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
	at := time.Date(2026, 1, 31, 9, 0, 0, 5000, time.FixedZone("", 9*60*60))
	unstorable := []any{time.Time{}, time.Date(0, 1, 31, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	var s statement
	s.values([]any{
		nil, true, false, 0, -7, int64(math.MinInt64), uint32(math.MaxUint32), uint64(math.MaxUint64), "1", "'; --", name("1"), []byte("2"), 1.5, "", at,
		`{"a":[1]}`, `back\slash`, "mark?", "new\nline", "\x00", "\x7f", "한", "\xff", `a "b" -- /* #`,
	})
	s.text.WriteByte(',')
	s.values(unstorable)
	require.Equal(t, "NULL,1,0,0,-7,-9223372036854775808,4294967295,18446744073709551615,'1',?,?,?,?,'','2026-01-31 00:00:00.000005',"+
		`'{"a":[1]}',?,?,?,?,?,?,?,'a "b" -- /* #'`+",?,?,?", s.text.String())
	require.Equal(t, append([]any{"'; --", name("1"), []byte("2"), 1.5, `back\slash`, "mark?", "new\nline", "\x00", "\x7f", "한", "\xff"}, unstorable...), s.args)
}

// Whatever follows the rows, they are the same.
func TestRowsOfAStatement(t *testing.T) {
	r := NewRows("INSERT INTO t VALUES ", 2)
	require.Zero(t, r.Len())
	r.Row().Uint(math.MaxUint64).Int(-7).Text("a").Optional("b").Optional("").Null().Bytes([]byte{0, 0xab}).Encoded([]byte(`{"a":1}`)).Value(true)
	r.Row().Uint(0).Int(0).Text("한").Optional("'").Optional("").Null().Bytes(nil).Encoded([]byte(`\`)).Value(1.5)
	require.Equal(t, 2, r.Len())
	const rows = `INSERT INTO t VALUES (18446744073709551615,-7,'a','b',NULL,NULL,x'00ab','{"a":1}',1),(0,0,?,?,NULL,NULL,x'',?,?)`
	require.Equal(t, rows+" RETURNING id", r.SQL(" RETURNING id"))
	require.Equal(t, rows, r.SQL(""))
	require.Equal(t, rows+" ON DUPLICATE KEY UPDATE id = id", r.SQL(" ON DUPLICATE KEY UPDATE id = id"))
	require.Equal(t, []any{"한", "'", `\`, 1.5}, r.Args())
}
