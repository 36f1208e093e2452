package query_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/outbox"
	"duly/internal/query"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// The commonest reasons of a billing run: its own, and what is left behind before declines.
func TestBillingReasons(t *testing.T) {
	t.Parallel()
	plain := worktest.Shop(t, 20, "2026-01-31", nil)
	db := worktest.Open(t, plain.DSN)
	since := time.Now().UTC().Add(-time.Minute)
	attempt := func(id int, status, class, code, message string, run, minutesAgo int) {
		worktest.Exec(t, plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, decline_class, decline_code, message, run_id, created_at)
VALUES (?, ?, 1, 0, ?, 'r', 'cus_7', 100, 'KRW', 'main', 'pm_x', 1, ?, NULLIF(?, ''), NULLIF(?, ''), NULLIF(?, ''), ?, UTC_TIMESTAMP(6) - INTERVAL ? MINUTE)`,
			id, id, id, status, class, code, message, run, minutesAgo)
	}
	attempt(1, "declined", "soft", "insufficient_funds", "no funds of cus_7", 2, 0)
	attempt(2, "declined", "soft", "insufficient_funds", "no funds of cus_8", 2, 0)
	attempt(3, "declined", "hard", "", "", 2, 0)
	attempt(4, "in_doubt", "", "", "no answer", 2, 0)
	attempt(5, "in_doubt", "", "", "no answer", 2, 600) // taken over
	attempt(6, "released", "", "", "", 2, 0)
	attempt(7, "succeeded", "", "", "", 2, 0)
	attempt(8, "declined", "soft", "lost_card", "", 1, 0)    // of another run
	attempt(9, "in_doubt", "", "", "no answer", 1, 600)      // of another run
	attempt(10, "declined", "soft", "lost_card", "", 2, 600) // settled long ago
	worktest.Exec(t, plain, `UPDATE invoices SET status = 'review', review_reason = 'another amount', updated_at = UTC_TIMESTAMP(6) WHERE id IN (11, 12, 13)`)
	worktest.Exec(t, plain, `UPDATE invoices SET status = 'review', review_reason = 'of before', updated_at = UTC_TIMESTAMP(6) - INTERVAL 1 DAY WHERE id = 14`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET review_reason = 'no such gateway', next_billing_date = '2026-01-31' WHERE id = 15`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET review_reason = 'not due', next_billing_date = '2027-01-01' WHERE id = 16`)

	causes := func(limit int) query.Causes {
		got, err := query.BillingReasons(t.Context(), db, 2, since, "2026-01-31", limit)
		require.NoError(t, err)
		return got
	}
	all := func(limit int) []query.Reason { return causes(limit).Reasons }
	require.Equal(t, []query.Reason{
		{"in review", "another amount", 3},
		{"in doubt", "no answer", 2},
		{"in review", "no such gateway", 1},
		{"released", "", 1},
		{"declined", "insufficient_funds", 2},
		{"declined", "hard", 1},
	}, all(10))
	require.Len(t, all(3), 3)
	require.Equal(t, 3, causes(3).More)
	require.Equal(t, "3 × in review: another amount", all(1)[0].String())
	require.Equal(t, "1 × released", query.Reason{What: "released", Rows: 1}.String())

	unsettled, err := query.UnsettledReasons(t.Context(), db, 2, since, 1)
	require.NoError(t, err)
	require.Equal(t, query.Causes{Reasons: []query.Reason{{"in doubt", "no answer", 2}}, More: 1}, unsettled)
}

func TestReasonsOfOtherJobs(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	since := time.Now().UTC().Add(-time.Minute)
	worktest.Exec(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (1, 'cus_1', 'in_progress', 1, 'KRW'), (2, 'cus_2', 'in_progress', 1, 'KRW')`)
	worktest.Exec(t, plain, `INSERT INTO order_checks (order_id, reason, checked_at) VALUES (1, 'pay_1 was paid twice', UTC_TIMESTAMP(6)),
(2, 'pay_2 was paid twice', UTC_TIMESTAMP(6)), (3, 'its order is gone', UTC_TIMESTAMP(6)), (4, 'old', UTC_TIMESTAMP(6) - INTERVAL 1 DAY), (5, NULL, UTC_TIMESTAMP(6))`)
	worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, status, amount, currency, failure_reason) VALUES (4, 'main', 'review', 1, 'KRW', 'the gateway refuses the refund: 409 closed'),
(1, 'main', 'review', 1, 'KRW', 'counted by its order'), (4, 'main', 'refunded', 1, 'KRW', 'x')`)
	worktest.Exec(t, plain, `INSERT INTO event_deliveries (event_id, sink, status, last_error) VALUES (1, 'webhook', 'dead', 'old'), (2, 'webhook', 'dead', 'answered 500'),
(3, 'webhook', 'dead', 'answered 500'), (3, 'slack', 'dead', NULL), (4, 'webhook', 'pending', NULL), (5, 'other', 'dead', 'x')`)
	worktest.Exec(t, plain, `INSERT INTO event_deliveries (event_id, sink, status, tries, last_error) VALUES (6, 'webhook', 'pending', 2, 'hook.test answered 401'),
(7, 'webhook', 'pending', 1, 'hook.test answered 401'), (8, 'webhook', 'pending', 1, 'hook.test answered 401'), (9, 'other', 'pending', 1, 'y')`)
	worktest.Exec(t, plain, `INSERT INTO audit_findings (kind, reference, detail, run_id, resolved_at) VALUES ('unknown_here', 'a', '{}', 7, NULL),
('unknown_here', 'b', '{}', 7, NULL), ('missing_there', 'c', '{}', 7, NULL), ('missing_there', 'd', '{}', 7, UTC_TIMESTAMP(6)), ('missing_there', 'e', '{}', 6, NULL)`)
	for name, c := range map[string]struct {
		read func(*mysql.DB) (query.Causes, error)
		want []query.Reason
	}{
		"orders": {
			func(db *mysql.DB) (query.Causes, error) {
				return query.OrderReasons(t.Context(), db, since, 5)
			},
			[]query.Reason{{"in review", "… was paid twice", 2}, {"in review", "its order is gone", 1}, {"refund in review", "the gateway refuses the refund: 409 closed", 1}},
		},
		"events": {
			func(db *mysql.DB) (query.Causes, error) {
				return query.DeliveryReasons(t.Context(), db, []string{"webhook", "slack"}, 3, 5)
			},
			[]query.Reason{{"not delivered to webhook", "hook.test answered 401", 3}, {"not delivered to webhook", "answered 500", 2}, {"not delivered to slack", "", 1}},
		},
		"no receivers": {
			func(db *mysql.DB) (query.Causes, error) { return query.DeliveryReasons(t.Context(), db, nil, 3, 5) }, []query.Reason{},
		},
		"findings": {
			func(db *mysql.DB) (query.Causes, error) { return query.FindingReasons(t.Context(), db, 7, 5) },
			[]query.Reason{{"found", "unknown_here", 2}, {"found", "missing_there", 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.read(db)
			require.NoError(t, err)
			require.Equal(t, query.Causes{Reasons: c.want}, got)
		})
	}
	for sink, want := range map[string]string{"webhook": "hook.test answered 401", "other": "y", "slack": ""} {
		why, err := query.UndeliveredReason(t.Context(), db, sink)
		require.NoError(t, err)
		require.Equal(t, want, why)
	}
}

// What an event's own row is the reason of says nothing about the receiver.
func TestWhetherAReceiverFails(t *testing.T) {
	t.Parallel()
	fails := query.Causes{Reasons: []query.Reason{{"not delivered to webhook", "hook.test answered 401", 3}}}
	require.True(t, fails.FailsAt("webhook"))
	require.False(t, fails.FailsAt("slack"))
	for _, e := range []outbox.Event{{Null: "payload"}, {Payload: []byte("{")}} {
		rows := query.Causes{Reasons: []query.Reason{{"not delivered to webhook", outbox.Unreadable(e), 3}}}
		require.False(t, rows.FailsAt("webhook"), rows)
	}
}
