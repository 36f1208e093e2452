package payment

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date is a day of the business calendar, counted from 0001-01-01, which is day 1. The zero Date means none and is NULL in a
// database. A negative one is what a database holds and no calendar has (0000-00-00, 2025-02-31): it is written back as it was read,
// and lies before every other day.
type Date int32

const (
	dateLayout = "2006-01-02"
	// epoch is the day before 1970-01-01.
	epoch = 719162
)

// NewDate makes a Date; like time.Date it normalises what lies outside the month.
func NewDate(year int, month time.Month, day int) Date {
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()/86400) + epoch + 1 //nolint:gosec // five million years fit
}

// DateOf is the day that t shows in its own location.
func DateOf(t time.Time) Date { return NewDate(t.Date()) }

// ParseDate reads a date written as 2026-01-31.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(dateLayout, s)
	if err != nil || t.Year() < 1 {
		return 0, fmt.Errorf("%q is not a date such as 2026-01-31", s)
	}
	return DateOf(t), nil
}

// stored is a date that no calendar has, by its parts.
func stored(year, month, day int) Date { return Date(-1 - (year*10000 + month*100 + day)) } //nolint:gosec // eight digits

// parts are year, month and day of a date that no calendar has.
func (d Date) parts() (year, month, day int) {
	n := int(-1 - d)
	return n / 10000, n / 100 % 100, n % 100
}

// Time is midnight UTC at the start of d.
func (d Date) Time() time.Time { return time.Unix((int64(d)-epoch-1)*86400, 0).UTC() }

// Split gives year, month and day.
func (d Date) Split() (year int, month time.Month, day int) { return d.Time().Date() }

// IsZero reports whether d means none.
func (d Date) IsZero() bool { return d == 0 }

// Valid reports whether d is a day of the calendar.
func (d Date) Valid() bool { return d > 0 }

// Floor is d, or the last day of the calendar before what is stored in its place.
func (d Date) Floor() Date {
	if d >= 0 {
		return d
	}
	year, month, day := d.parts()
	if month < 1 {
		return max(NewDate(year, time.January, 0), 1)
	}
	if month > 12 {
		return max(NewDate(year, time.December, 31), 1)
	}
	last := NewDate(year, time.Month(month)+1, 0)
	return max(min(NewDate(year, time.Month(month), day), last), 1)
}

// OrFirst is d, or a date before all others if d is none.
func (d Date) OrFirst() Date {
	if d == 0 {
		return 1
	}
	return d
}

// String writes d as 2026-01-31, what is stored in its place, or nothing for none.
func (d Date) String() string {
	switch {
	case d == 0:
		return ""
	case d > 0:
		return d.Time().Format(dateLayout)
	}
	year, month, day := d.parts()
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

// Compact writes d as 20260131, the form used in keys and references.
func (d Date) Compact() string { return string(d.AppendCompact(nil)) }

// AppendCompact appends what [Date.Compact] writes.
func (d Date) AppendCompact(text []byte) []byte {
	if d >= 0 {
		return d.Time().AppendFormat(text, "20060102")
	}
	year, month, day := d.parts()
	return fmt.Appendf(text, "%04d%02d%02d", year, month, day)
}

// MarshalText writes d as 2026-01-31, or nothing for none.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote of a day of the calendar.
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

// Scan implements sql.Scanner; NULL is none. Where a shop may have stored what is no date, the column must be read as text: a
// driver that makes a time of it makes another day of it.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = 0
	case time.Time:
		if *d = DateOf(v); v.IsZero() {
			*d = stored(0, 0, 0)
		}
	case []byte:
		return d.parseStored(string(v))
	case string:
		return d.parseStored(v)
	default:
		return fmt.Errorf("a date cannot be read from %T", src)
	}
	return nil
}

// parseStored reads a DATE, or the day of a DATETIME, as a database writes it.
func (d *Date) parseStored(text string) error {
	day, _, _ := strings.Cut(text, " ")
	if t, err := time.Parse(dateLayout, day); err == nil && t.Year() > 0 {
		*d = DateOf(t)
		return nil
	}
	if len(day) == len(dateLayout) && day[4] == '-' && day[7] == '-' {
		year, errYear := strconv.ParseUint(day[:4], 10, 16)
		month, errMonth := strconv.ParseUint(day[5:7], 10, 8)
		n, errDay := strconv.ParseUint(day[8:], 10, 8)
		if errors.Join(errYear, errMonth, errDay) == nil {
			*d = stored(int(year), int(month), int(n))
			return nil
		}
	}
	return fmt.Errorf("%q is not a date such as 2026-01-31", text)
}
