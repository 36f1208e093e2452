package payment

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// Date is a day of the business calendar, counted from 1970-01-01. The zero Date means none and is NULL in
// a database.
type Date int32

const dateLayout = "2006-01-02"

// NewDate makes a Date; like time.Date it normalises what lies outside the month.
func NewDate(year int, month time.Month, day int) Date {
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400) //nolint:gosec // five million years fit
}

// DateOf is the day that t shows in its own location.
func DateOf(t time.Time) Date { return NewDate(t.Date()) }

// ParseDate reads a date written as 2026-01-31.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(dateLayout, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a date such as 2026-01-31", s)
	}
	return DateOf(t), nil
}

// Time is midnight UTC at the start of d.
func (d Date) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Split gives year, month and day.
func (d Date) Split() (year int, month time.Month, day int) { return d.Time().Date() }

// IsZero reports whether d means none.
func (d Date) IsZero() bool { return d == 0 }

// OrFirst is d, or a date before all others if d is none.
func (d Date) OrFirst() Date {
	if d == 0 {
		return NewDate(1, time.January, 1)
	}
	return d
}

func (d Date) String() string {
	if d == 0 {
		return ""
	}
	return d.Time().Format(dateLayout)
}

// Compact writes d as 20260131, the form used in keys and references.
func (d Date) Compact() string { return d.Time().Format("20060102") }

// MarshalText writes d as 2026-01-31, or nothing for none.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = 0
		return nil
	}
	var err error
	*d, err = ParseDate(string(text))
	return err
}

// Value implements driver.Valuer; none is NULL.
func (d Date) Value() (driver.Value, error) {
	if d == 0 {
		return nil, nil //nolint:nilnil // driver.Valuer says NULL so
	}
	return d.String(), nil
}

// Scan implements sql.Scanner; NULL is none.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = 0
	case time.Time:
		*d = DateOf(v)
	case []byte:
		return d.UnmarshalText(v)
	case string:
		return d.UnmarshalText([]byte(v))
	default:
		return fmt.Errorf("a date cannot be read from %T", src)
	}
	return nil
}
