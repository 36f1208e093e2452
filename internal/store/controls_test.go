package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// noon is when the payments of these tests are counted from.
var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// attempt adds an attempt under key n that was made that many minutes after noon.
func attempt(t *testing.T, db *testdb.DB, n, minutes int, columns string) {
	t.Helper()
	at := noon.Add(time.Duration(minutes) * time.Minute)
	worktest.Exec(t, db, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, run_id, gateway_payment_id, created_at, settled_at, account_id, proof)
VALUES (?, ?, 1, 0, ?, ?, 'c', 1000, 'KRW', 'main', 'm', 1, 'succeeded', 1, ?, ?, ?, 1, 'answer')`,
		n, n, fmt.Sprintf("key-%d", n), fmt.Sprintf("ref-%d", n), fmt.Sprintf("pay-%d", n), at, at)
	if columns != "" {
		worktest.Exec(t, db, `UPDATE payment_attempts SET `+columns+` WHERE idempotency_key = ?`, fmt.Sprintf("key-%d", n))
	}
}

// controls reads those of gateway main, which shows everything.
func controls(t *testing.T, db *testdb.DB) *store.Controls {
	t.Helper()
	worktest.Exec(t, db, `INSERT INTO gateway_accounts (id, gateway, address) VALUES (1, 'main', 'http://a'), (2, 'main', 'http://b')`)
	return &store.Controls{
		DB: worktest.Open(t, db.DSN), Accounts: map[string]uint32{"main": 1},
		Retention: func(string) time.Duration { return 0 }, Now: func() time.Time { return noon.Add(time.Hour) },
	}
}

// around are the controls of a payment that was first sent within that span of minutes after noon.
func around(t *testing.T, c *store.Controls, from, to int) (earlier, later []string) {
	t.Helper()
	found, err := c.For(t.Context(), "main", []payment.Window{{
		From: noon.Add(time.Duration(from) * time.Minute), To: noon.Add(time.Duration(to) * time.Minute),
	}})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return ids(found[0].Earlier), ids(found[0].Later)
}

func ids(controls []payment.Control) []string {
	var out []string
	for _, c := range controls {
		out = append(out, c.PaymentID)
	}
	return out
}

// The nearest successes on each side are found, three at most, and neither the absent payment's own time nor anything in it.
func TestNearestControls(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	for n, minutes := range []int{-50, -40, -30, -20, 0, 5, 10, 20, 30, 40, 50} {
		attempt(t, db, n, minutes, "")
	}
	c := controls(t, db)
	earlier, later := around(t, c, 0, 10)
	require.Equal(t, []string{"pay-3", "pay-2", "pay-1"}, earlier)
	require.Equal(t, []string{"pay-7", "pay-8", "pay-9"}, later)
	found, err := c.For(t.Context(), "main", []payment.Window{{From: noon, To: noon}})
	require.NoError(t, err)
	require.Equal(t, payment.Control{
		Key: "key-3", Reference: "ref-3", CustomerID: "c", Money: payment.Money{Amount: 1000, Currency: "KRW"}, PaymentID: "pay-3",
		At: noon.Add(-20 * time.Minute), Own: true,
	}, found[0].Earlier[0])
}

// What is no proof that the gateway took it is no control.
func TestWhatIsNoControl(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		columns string
		control bool
	}{
		"our own success":               {"", true},
		"found by its key":              {"proof = 'look_up'", true},
		"from before proofs":            {"proof = NULL, account_id = NULL", true},
		"an operator's word":            {"proof = 'operator'", false},
		"not proven":                    {"proof = NULL", false},
		"another gateway":               {"gateway = 'other'", false},
		"another account":               {"account_id = 2", false},
		"declined":                      {"status = 'declined'", false},
		"in review":                     {"status = 'review'", false},
		"without an id":                 {"gateway_payment_id = NULL", false},
		"from before, by an operator":   {"id = 77, proof = NULL, account_id = NULL", false},
		"from before, another operator": {"id = 78, proof = NULL, account_id = NULL", true},
	} {
		t.Run(name, func(t *testing.T) {
			db := testdb.New(t)
			attempt(t, db, 1, -5, c.columns)
			attempt(t, db, 2, 5, "")
			worktest.Exec(t, db, `INSERT INTO operator_actions (action, subject, who, host) VALUES ('resolve', 'attempt:77', 'w', 'h')`)
			earlier, later := around(t, controls(t, db), 0, 0)
			require.Equal(t, c.control, len(earlier) == 1)
			require.Equal(t, []string{"pay-2"}, later)
		})
	}
}

// What was recorded by hand counts as our own; the shop's payments are asked for as the shop charged them.
func TestOtherControls(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	c := controls(t, db)
	worktest.Exec(t, db, `INSERT INTO gateway_controls (account_id, gateway_payment_id, idempotency_key, reference, customer_id, amount, currency, charged_at)
VALUES (1, 'pay-shown', 'k', 'r', 'c', 5, 'KRW', ?), (2, 'pay-other', 'k', 'r', 'c', 5, 'KRW', ?)`, noon.Add(-time.Minute), noon.Add(-time.Minute))
	worktest.Exec(t, db, `INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (7, 'eve', 'completed', 500, 'KRW')`)
	worktest.Exec(t, db, `INSERT INTO payments (order_id, gateway, status, idempotency_key, transaction_key, amount, currency, created_at) VALUES
(7, 'main', 'succeeded', 'ord_7-1', 'pay-shop', 500, 'KRW', ?), (7, 'main', 'succeeded', NULL, 'pay-keyless', 500, 'KRW', ?),
(7, 'main', 'succeeded', 'ord_7-2', NULL, 500, 'KRW', ?), (7, 'main', 'pending', 'ord_7-3', 'pay-pending', 500, 'KRW', ?),
(7, 'other', 'succeeded', 'ord_7-4', 'pay-elsewhere', 500, 'KRW', ?)`, noon.Add(time.Minute), noon.Add(time.Minute), noon.Add(time.Minute),
		noon.Add(time.Minute), noon.Add(time.Minute))
	found, err := c.For(t.Context(), "main", []payment.Window{{From: noon, To: noon}})
	require.NoError(t, err)
	require.Equal(t, []payment.Controls{{
		Earlier: []payment.Control{{
			Key: "k", Reference: "r", CustomerID: "c", Money: payment.Money{Amount: 5, Currency: "KRW"}, PaymentID: "pay-shown",
			At: noon.Add(-time.Minute), Own: true,
		}},
		Later: []payment.Control{{
			Key: "ord_7-1", Reference: "ord_7", CustomerID: "eve", Money: payment.Money{Amount: 500, Currency: "KRW"}, PaymentID: "pay-shop",
			At: noon.Add(time.Minute),
		}},
	}}, found)
}

// A payment of an order that duly's own look-up settled is duly's own: one that its gateway does not show any more fails it. One that
// was taken at another account is no control of this one, and the shop's own word, or an operator's, is checked by nothing.
func TestControlsOfOrders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bookings string
		control  bool
		own      bool
	}{
		"never looked up":             {"", true, false},
		"by our look-up":              {"(1, 'pay', 'payment', 1, 'look_up')", true, true},
		"at an address joined to it":  {"(3, 'pay', 'payment', 1, 'look_up')", true, true},
		"at another account":          {"(2, 'pay', 'payment', 1, 'look_up')", false, false},
		"at both":                     {"(1, 'pay', 'payment', 1, 'look_up'), (2, 'pay', 'payment', 1, 'look_up')", true, true},
		"named by an operator":        {"(1, 'pay', 'payment', 1, 'operator')", true, false},
		"named elsewhere":             {"(2, 'pay', 'payment', 1, 'operator')", false, false},
		"by the shop's word":          {"(1, 'pay', 'payment', 1, NULL)", true, false},
		"by the shop's word, there":   {"(2, 'pay', 'payment', 1, NULL)", true, false},
		"before accounts were known":  {"(4, 'pay', 'payment', 1, NULL)", true, false},
		"for another row":             {"(1, 'pay', 'payment', 2, 'look_up')", true, false},
		"for an attempt of that id":   {"(1, 'pay', 'attempt', 1, 'look_up')", true, false},
		"another payment of that row": {"(1, 'PAY', 'payment', 1, 'look_up')", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			db := testdb.New(t)
			source := controls(t, db)
			worktest.Exec(t, db, `INSERT INTO gateway_accounts (id, gateway, address, joined_to) VALUES (3, 'main', 'http://c', 1), (4, 'main', '', NULL)`)
			worktest.Exec(t, db, `INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (7, 'eve', 'completed', 500, 'KRW')`)
			worktest.Exec(t, db, `INSERT INTO payments (id, order_id, gateway, status, idempotency_key, transaction_key, amount, currency, created_at) VALUES
(1, 7, 'main', 'succeeded', 'ord_7-1', 'pay', 500, 'KRW', ?)`, noon.Add(-time.Minute))
			if c.bookings != "" {
				worktest.Exec(t, db, `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id, proof) VALUES `+c.bookings)
			}
			found, err := source.For(t.Context(), "main", []payment.Window{{From: noon, To: noon}})
			require.NoError(t, err)
			newest, err := source.Newest(t.Context(), "main")
			require.NoError(t, err)
			require.Equal(t, found[0].Earlier, newest)
			require.Len(t, newest, map[bool]int{true: 1}[c.control])
			for _, control := range newest {
				require.Equal(t, c.own, control.Own)
			}
		})
	}
}

// What the gateway has purged by its own rules is no control, and what was joined counts as today's account.
func TestRetentionAndJoinedAccounts(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	attempt(t, db, 1, -70, "")
	attempt(t, db, 2, 10, "account_id = 2")
	c := controls(t, db)
	earlier, later := around(t, c, 0, 0)
	require.Equal(t, []string{"pay-1"}, earlier)
	require.Empty(t, later)
	for account, want := range map[uint32]bool{0: true, 1: true, 2: false} {
		today, err := c.Today(t.Context(), "main", account)
		require.NoError(t, err)
		require.Equal(t, want, today, account)
	}

	worktest.Exec(t, db, `UPDATE gateway_accounts SET joined_to = 1 WHERE id = 2`)
	joined := &store.Controls{DB: c.DB, Accounts: c.Accounts, Retention: func(string) time.Duration { return 2 * time.Hour }, Now: c.Now}
	earlier, later = around(t, joined, 0, 0)
	require.Empty(t, earlier, "130 minutes old")
	require.Equal(t, []string{"pay-2"}, later)
	today, err := joined.Today(t.Context(), "main", 2)
	require.NoError(t, err)
	require.True(t, today)
}

// However many spans there are, each has controls that lie beyond it, and spans between the same two cost one read.
func TestControlsOfManySpans(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	for n := range 200 {
		attempt(t, db, n, 2*n, "")
	}
	c := controls(t, db)
	var spans []payment.Window
	for n := range 199 {
		at := noon.Add(time.Duration(2*n+1) * time.Minute)
		spans = append(spans, payment.Window{From: at, To: at})
	}
	found, err := c.For(t.Context(), "main", spans)
	require.NoError(t, err)
	near := 0
	for i, f := range found {
		require.NotEmpty(t, f.Earlier, i)
		require.NotEmpty(t, f.Later, i)
		require.True(t, f.Earlier[0].At.Before(spans[i].From), i)
		require.True(t, f.Later[0].At.After(spans[i].To), i)
		if f.Earlier[0].At.Equal(spans[i].From.Add(-time.Minute)) {
			near++
		}
	}
	require.Greater(t, near, 50, "as long as it can be afforded, the nearest")
}

// The second identifier of a control's method comes with it, where its attempt had one: some gateways find no key without it.
func TestControlsNameTheirCustomer(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	attempt(t, db, 1, 1, "gateway_customer = 'cus_1'")
	attempt(t, db, 2, 9, "")
	found, err := controls(t, db).For(t.Context(), "main", []payment.Window{{From: noon.Add(5 * time.Minute), To: noon.Add(6 * time.Minute)}})
	require.NoError(t, err)
	require.Equal(t, "cus_1", found[0].Earlier[0].GatewayCustomer)
	require.Empty(t, found[0].Later[0].GatewayCustomer)
}
