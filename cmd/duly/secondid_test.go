package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// A shop that keeps duly's subscriptions as a view from before the column of second identifiers goes on as it did: bills, retries, recovers,
// shows and foretells. Once the view has the column what it says is sent.
func TestAViewFromBeforeTheSecondIdentifier(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ok, declined, lost := s.enrol(t, "ok", 100), s.enrol(t, "soft_1_then_ok", 100), s.enrol(t, "drop_after", 100)
	s.exec(t, "RENAME TABLE subscriptions TO shop_subscriptions")
	s.exec(t, "UPDATE shop_subscriptions SET gateway_customer = 'cus_9'")
	const columns = `id, customer_id, status, gateway, payment_method, method_type, description, amount, currency, interval_unit, interval_count, anchor_day,
next_billing_date, review_reason, cancelled_at, cancel_reason, created_at, updated_at`
	s.exec(t, "CREATE VIEW subscriptions AS SELECT "+columns+" FROM shop_subscriptions")
	s.guard(t)

	got := s.duly(t, "doctor")
	require.NotContains(t, got.out, "gateway_customer")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--dry-run").code)
	got = s.duly(t, "run", "billing", "--step", "issue,collect")
	require.NotContains(t, []int{batch.ExitFailed, batch.ExitUsage}, got.code, got.out+got.err)
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	for _, id := range []uint64{ok, declined, lost} {
		require.Equal(t, batch.ExitDone, s.duly(t, "show", "subscription", fmt.Sprint(id)).code)
	}
	require.EqualValues(t, 3, s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE gateway_customer IS NULL AND body_version = 1"))
	s.exec(t, "UPDATE payment_attempts SET decline_class = 'hard' WHERE status = 'declined'")
	require.Equal(t, batch.ExitDone, s.duly(t, "reopen", "--run", "1", "--gateway", "main", "--reason", "none").code)

	s.exec(t, "CREATE OR REPLACE VIEW subscriptions AS SELECT "+columns+", gateway_customer FROM shop_subscriptions")
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE gateway_customer = 'cus_9' AND body_version = 2 AND status = 'succeeded'"))
	customers := []string{}
	for e := range s.sim.Entries() {
		customers = append(customers, e.GatewayCustomer)
	}
	require.Equal(t, "cus_9", strings.Join(customers, ""), "%q", customers)
	require.NotContains(t, s.duly(t, "show", "subscription", fmt.Sprint(declined), "--verbose").out, "cus_9")
	require.NotContains(t, s.duly(t, "show", "subscription", fmt.Sprint(declined), "--json").out, "cus_9")
	s.exec(t, "DROP VIEW subscriptions")
}
