package payment_test

import (
	"database/sql/driver"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/payment"
)

// None is no day, 1970-01-01 is one, and what a database holds and no calendar has is neither.
func TestDatesAsTheyAreStored(t *testing.T) {
	for text, c := range map[string]struct {
		valid   bool
		compact string
		floor   string
	}{
		"1970-01-01": {true, "19700101", "1970-01-01"},
		"0001-01-01": {true, "00010101", "0001-01-01"},
		"9999-12-31": {true, "99991231", "9999-12-31"},
		"2024-02-29": {true, "20240229", "2024-02-29"},
		"0000-00-00": {false, "00000000", "0001-01-01"},
		"0000-12-31": {false, "00001231", "0001-01-01"},
		"2025-02-29": {false, "20250229", "2025-02-28"},
		"2025-02-31": {false, "20250231", "2025-02-28"},
		"2026-11-00": {false, "20261100", "2026-10-31"},
		"2026-00-00": {false, "20260000", "2025-12-31"},
		"2026-00-15": {false, "20260015", "2025-12-31"},
		"2026-13-01": {false, "20261301", "2026-12-31"},
	} {
		for _, src := range []any{text, []byte(text), text + " 12:34:56"} {
			var d payment.Date
			require.NoError(t, d.Scan(src))
			require.Equal(t, c.valid, d.Valid(), text)
			require.False(t, d.IsZero(), text)
			require.Equal(t, text, d.String())
			require.Equal(t, c.compact, d.Compact())
			back, err := d.Value()
			require.NoError(t, err)
			require.Equal(t, driver.Value(text), back, "it is written back as it was read")
			require.Equal(t, c.floor, d.Floor().String())
			if !c.valid {
				require.Less(t, d, payment.NewDate(1, time.January, 1), "before every day")
			}
		}
	}
	var none payment.Date
	for _, src := range []any{nil, ""} {
		if src == "" {
			require.Error(t, none.Scan(src))
			continue
		}
		require.NoError(t, none.Scan(src))
		require.True(t, none.IsZero())
	}
	value, err := none.Value()
	require.NoError(t, err)
	require.Nil(t, value)
	require.Empty(t, none.String())
	var zero payment.Date
	require.NoError(t, zero.Scan(time.Time{}), "what a driver makes of 0000-00-00")
	require.Equal(t, "0000-00-00", zero.String())
	for _, bad := range []any{"2025-2-31", "20250231", "2025-xx-31", "tomorrow", 5} {
		require.Error(t, new(payment.Date).Scan(bad))
	}
	for _, bad := range []string{"0000-01-01", "2025-02-31"} {
		_, err := payment.ParseDate(bad)
		require.Error(t, err)
	}
}

func TestDatesAreDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := payment.Date(rapid.Int32Range(1, 3652059).Draw(t, "day"))
		year, month, day := d.Split()
		require.Equal(t, d, payment.NewDate(year, month, day))
		require.Equal(t, d, payment.DateOf(d.Time()))
		require.Equal(t, d.Time().AddDate(0, 0, 1), (d + 1).Time())
		parsed, err := payment.ParseDate(d.String())
		require.NoError(t, err)
		require.Equal(t, d, parsed)
		require.True(t, d.Valid())
		require.Equal(t, d, d.Floor())
	})
}
