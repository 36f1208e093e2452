package mysql_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// A shop writes created_at by its own clock, and the server keeps updated_at.
func TestShopsThatWriteLocalTime(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	// row writes an order that was made so long ago in a zone and, if it was changed, so long after that.
	row := func(zone string, age, changed time.Duration) {
		t.Helper()
		z, err := time.LoadLocation(zone)
		require.NoError(t, err)
		made := now.Add(-age)
		local := made.In(z).Format("2006-01-02 15:04:05.000000")
		worktest.Exec(t, plain, `INSERT INTO orders (customer_id, status, amount, currency, created_at, updated_at) VALUES ('c', 'pending', 1, 'KRW', ?, ?)`,
			local, made.Add(changed).Format("2006-01-02 15:04:05.000000"))
	}
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		fill func()
		want string // in the text; empty: nothing is wrong
	}{
		"no rows": {fill: func() {}},
		"UTC":     {fill: func() { row("UTC", 0, 0); row("UTC", day, 0) }},
		"UTC, changed long after": {fill: func() {
			for i := range 50 {
				row("UTC", 3*day, time.Duration(i+1)*53*time.Minute)
			}
		}},
		"UTC, changed after exactly five hours, but for the newest": {fill: func() {
			for range 50 {
				row("UTC", day, 5*time.Hour)
			}
			row("UTC", time.Minute, 0)
		}},
		"UTC, all changed after exactly half an hour": {fill: func() {
			for range 50 {
				row("UTC", day, 30*time.Minute)
			}
		}},
		"UTC, by clocks some minutes apart": {fill: func() {
			for range 50 {
				row("UTC", day, -4*time.Minute)
			}
		}},
		"imported, all changed at once": {fill: func() {
			for i := range 50 {
				age := time.Duration(i+3) * 11 * time.Hour
				row("UTC", age, age-time.Duration(i)*time.Millisecond)
			}
		}},
		"one row by hand in the future": {fill: func() {
			row("UTC", -3*time.Hour-7*time.Minute, -3*time.Hour-7*time.Minute)
			row("UTC", day, 0)
		}},
		"Seoul":                          {fill: func() { row("Asia/Seoul", time.Minute, 0) }, want: "orders.created_at is of UTC+09:00"},
		"Seoul, each changed soon after": {fill: func() { seoulChanged(row) }, want: "orders.created_at is of UTC+09:00"},
		"Seoul, and days ago": {fill: func() {
			row("Asia/Seoul", 30*day, 0)
			row("Asia/Seoul", 30*day, 20*day)
		}, want: "UTC+09:00"},
		"Seoul, with everything changed a day later": {fill: func() { // nobody can tell
			for i := range 20 {
				row("Asia/Seoul", 3*day, day+time.Duration(i)*7*time.Minute)
			}
		}},
		"Kolkata": {fill: func() { row("Asia/Kolkata", time.Minute, time.Second) }, want: "UTC+05:30"},
		"New York": {fill: func() {
			row("America/New_York", time.Minute, 0)
			row("America/New_York", time.Hour, 0)
			row("America/New_York", day, 0)
			row("America/New_York", day, 17*time.Minute)
			row("America/New_York", 3*day, 2*day)
		}, want: "orders.created_at is of UTC-04:00"},
		"New York, over the end of summer time": {fill: func() {
			row("America/New_York", -150*day, 0)
			row("America/New_York", -150*day, 0)
			row("America/New_York", time.Hour, 0)
			row("America/New_York", time.Hour, 0)
		}, want: "UTC-04:00"},
		"one row of New York": {fill: func() { row("America/New_York", time.Minute, 0) }}, // it may have been changed then
	} {
		t.Run(name, func(t *testing.T) {
			worktest.Exec(t, plain, `SET time_zone = '+00:00'; TRUNCATE orders`)
			c.fill()
			err := mysql.CheckLocalTime(t.Context(), db)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			problem, ok := errors.AsType[*mysql.Problem](err)
			require.True(t, ok)
			require.Contains(t, problem.Mend, "UTC_TIMESTAMP(6)")
		})
	}
}

func seoulChanged(row func(string, time.Duration, time.Duration)) {
	for i := range 30 {
		row("Asia/Seoul", time.Duration(i)*time.Minute, time.Duration(i%7+1)*time.Minute)
	}
}

// Rows as the shop's own session writes them.
func TestLocalTimeOfTheShopsSession(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	insert := []string{
		`INSERT INTO subscriptions (customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date%s) VALUES ('c', 'main', 'pm', 1, 'KRW', 'month', '2026-01-31'%s)`,
		`INSERT INTO orders (customer_id, status, amount, currency%s) VALUES ('c', 'pending', 1, 'KRW'%s)`,
		`INSERT INTO payments (order_id, gateway, status, amount, currency%s) VALUES (1, 'main', 'pending', 1, 'KRW'%s)`,
	}
	shop, err := plain.Connx(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, shop.Close()) }()
	write := func(zone, column, value string) {
		t.Helper()
		for _, statement := range append([]string{"SET time_zone = '" + zone + "'"}, insert...) {
			if statement[0] == 'I' {
				statement = fmt.Sprintf(statement, column, value)
			}
			_, err := shop.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
	}
	for range 3 { // the default is right in every session
		write("+09:00", "", "")
		write("-05:00", "", "")
		write("-05:00", ", created_at", ", UTC_TIMESTAMP(6)")
	}
	require.NoError(t, mysql.CheckLocalTime(t.Context(), db))
	write("+09:00", ", created_at", ", NOW(6)")
	require.EqualError(t, mysql.CheckLocalTime(t.Context(), db), "the shop writes local time where UTC is expected: subscriptions.created_at is of UTC+09:00, "+
		"orders.created_at is of UTC+09:00, payments.created_at is of UTC+09:00: let the shop write UTC_TIMESTAMP(6), or leave the column to its default; "+
		"then move the rows that are there by as many hours")
}
