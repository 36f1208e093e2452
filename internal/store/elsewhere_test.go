package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// A payment was taken where it is booked by proof. One that is not was taken elsewhere if it is older than the account that its
// gateway is called at, and there was another one before.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	const older, newer = -30 * time.Minute, 30 * time.Minute // than today's account
	before := "1, 'main', 'http://old', NULL, -60"
	for name, c := range map[string]struct {
		accounts string // the other ones, beside 2, which the gateway is called at since noon
		bookings string
		age      time.Duration
		at       string // where it was taken; empty: nobody knows of another account
	}{
		"the only account":              {"", "", older, ""},
		"since it is called here":       {before, "", newer, ""},
		"before it was called here":     {before, "", older, "http://old"},
		"booked here":                   {before, "(2, 'pay', 'payment', 1, 'look_up')", older, ""},
		"booked there":                  {before, "(1, 'pay', 'payment', 1, 'look_up')", newer, "http://old"},
		"named by an operator there":    {before, "(1, 'pay', 'payment', 1, 'operator')", newer, "http://old"},
		"booked there by nobody's word": {before, "(1, 'pay', 'payment', 1, NULL)", newer, ""},
		"booked there for another row":  {before, "(1, 'pay', 'payment', 2, 'look_up')", newer, ""},
		"booked at both":                {before, "(1, 'pay', 'payment', 1, 'operator'), (2, 'pay', 'payment', 1, 'look_up')", newer, ""},
		"joined":                        {"1, 'main', 'http://old', 2, -60", "(1, 'pay', 'payment', 1, 'look_up')", older, ""},
		"called there later":            {"1, 'main', 'http://copy', NULL, 10", "", older, ""},
		"booked there later":            {"1, 'main', 'http://copy', NULL, 10", "(1, 'pay', 'payment', 1, 'look_up')", newer, "http://copy"},
		"before accounts were known":    {"1, 'main', '', NULL, -60", "(1, 'pay', 'payment', 1, NULL)", older, ""},
		"another gateway":               {"1, 'other', 'http://old', NULL, -60", "", older, ""},
	} {
		t.Run(name, func(t *testing.T) {
			db := testdb.New(t)
			for _, row := range []string{"2, 'main', 'http://new', NULL, 0", c.accounts} {
				if row != "" {
					worktest.Exec(t, db, `INSERT INTO gateway_accounts (id, gateway, address, joined_to, created_at)
WITH x (a, b, c, d, e) AS (SELECT `+row+`) SELECT a, b, c, d, ? + INTERVAL e MINUTE FROM x`, noon)
				}
			}
			if c.bookings != "" {
				worktest.Exec(t, db, `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id, proof) VALUES `+c.bookings)
			}
			source := &store.Controls{DB: worktest.Open(t, db.DSN), Accounts: map[string]uint32{"main": 2}}
			p := orders.Payment{ID: 1, Gateway: "main", TransactionKey: "pay", CreatedAt: noon.Add(c.age)}
			why, err := source.Elsewhere(t.Context(), p)
			require.NoError(t, err)
			if c.at == "" {
				require.Empty(t, why)
				return
			}
			require.Contains(t, why, "what gateway main took at "+c.at+" is not refunded or cancelled at http://new")
			require.Contains(t, why, "duly doctor --moved main "+c.at)
		})
	}
}
