package readers_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
)

// An audit finds payments that two rows have, written by duly or by the shop: an attempt and an order's payment, two orders', and two rows of
// one order, of which only that is found.
func TestAuditFindsWhatIsBookedTwice(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	worktest.Exec(t, plain, `INSERT INTO gateway_accounts (id, gateway, address) VALUES (1, 'main', ''), (2, 'main', 'https://a'), (3, 'other', 'https://a')`)
	worktest.Exec(t, plain, `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, gateway_payment_id, run_id) VALUES (1, 1, 1, 1, 0, 'k', 'sub_1_20260131', 'c', 1, 'KRW', 'main', 'pm', 1, 'succeeded', 'pay_1', 1)`)
	for id := range 6 {
		worktest.Exec(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (?, 'c', 'completed', 1, 'KRW')`, id+1)
	}
	worktest.Exec(t, plain, `INSERT INTO payments (id, order_id, gateway, transaction_key, status, amount, currency) VALUES
(1, 1, 'main', 'pay_1', 'succeeded', 1, 'KRW'), (2, 2, 'main', 'pay_2', 'succeeded', 1, 'KRW'), (3, 3, 'main', 'pay_2', 'succeeded', 1, 'KRW'),
(4, 4, 'main', 'pay_4', 'succeeded', 1, 'KRW'), (5, 4, 'main', 'pay_4', 'succeeded', 1, 'KRW'), (6, 5, 'main', 'pay_6', 'succeeded', 1, 'KRW'),
(7, 6, 'main', 'pay_6', 'failed', 1, 'KRW'), (8, 6, 'other', 'pay_6', 'succeeded', 1, 'KRW')`)
	worktest.Exec(t, plain, `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id) VALUES (2, 'pay_1', 'attempt', 1), (1, 'pay_2', 'payment', 3), (2, 'pay_6', 'payment', 7), (3, 'pay_1', 'attempt', 99)`)
	db := worktest.Open(t, plain.DSN)
	var found []string
	r := &readers.Audit{
		DB: db, Window: payment.Window{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}, Met: &audit.Met{},
		Ask: func(audit.Ours) bool { return false }, Counts: map[audit.Standing]int64{},
		Found: func(_ context.Context, list []audit.Finding) error {
			for _, f := range list {
				found = append(found, string(f.Kind)+" "+f.Reference+" "+f.Detail.Row+": "+f.Detail.Text)
			}
			return nil
		},
	}
	for done := false; !done; {
		page, err := r.Read(t.Context(), batch.ClaimRequest{Limit: 2, Skip: func(string) bool { return false }})
		require.NoError(t, err)
		done = page.Done
	}
	slices.Sort(found)
	require.Equal(t, []string{
		"booked_twice ord_1 payment:1: pay_1 is booked for attempt 1 too", "booked_twice ord_2 payment:2: pay_2 is booked for payment 3 too",
		"booked_twice ord_4 payment:5: pay_4 is booked for payment 4 too",
	}, slices.Compact(found))
}
