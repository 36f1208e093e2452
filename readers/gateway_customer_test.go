package readers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
)

// frozen is what the attempts hold of second identifiers, and in which layout their bodies are.
func frozen(t *testing.T, plain *testdb.DB) []string {
	t.Helper()
	return worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', subscription_id, COALESCE(gateway_customer, 'NULL'), body_version) FROM payment_attempts ORDER BY id`)
}

// charged is the same of claimed items.
func charged(items []billing.Claimed) []string {
	said := make([]string, len(items))
	for i, item := range items {
		customer := item.Charge.GatewayCustomer
		if customer == "" {
			customer = "NULL"
		}
		said[i] = fmt.Sprintf("%d %s %d", item.Invoice.SubscriptionID, customer, item.Charge.BodyVersion)
	}
	return said
}

// The second identifier is committed with the attempt, as everything else of the body is: where there is none, the body is what it always
// was. A released attempt is taken up with what the subscription says by then. An unsettled one keeps what it has, and is not sent again once the
// subscription says otherwise.
func TestTheSecondIdentifierIsFrozenWithTheAttempt(t *testing.T) {
	t.Parallel()
	plain := shop(t, 4, nil)
	worktest.Exec(t, plain, `UPDATE subscriptions SET gateway_customer = CONCAT('cus_', id) WHERE id IN (2, 3)`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET gateway_customer = '' WHERE id = 4`)
	db := worktest.Open(t, plain.DSN)
	items, _ := Make(t, db, stage(t, db), 10)
	want := []string{"1 NULL 1", "2 cus_2 2", "3 cus_3 2", "4 NULL 1"}
	require.Equal(t, want, charged(items))
	require.Equal(t, want, frozen(t, plain))

	worktest.Exec(t, plain, `UPDATE subscriptions SET gateway_customer = 'cus_new' WHERE id IN (1, 2)`)
	items, _ = Make(t, db, doubt(db), 10)
	require.ElementsMatch(t, want, charged(items))
	for _, item := range items {
		require.Equal(t, item.Invoice.SubscriptionID > 2, item.Chargeable, "subscription %d", item.Invoice.SubscriptionID)
	}

	worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'released'`)
	worktest.Exec(t, plain, `UPDATE invoices SET status = 'open'`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET gateway_customer = NULL WHERE id = 3`)
	items, _ = Make(t, db, stage(t, db), 10)
	want = []string{"1 cus_new 2", "2 cus_new 2", "3 NULL 1", "4 NULL 1"}
	require.Equal(t, want, charged(items))
	require.Equal(t, want, frozen(t, plain))
}

// One that no provider can take is set aside before anything is charged, with one reason.
func TestASecondIdentifierThatCannotBeSent(t *testing.T) {
	t.Parallel()
	plain := shop(t, 3, nil)
	worktest.Exec(t, plain, `UPDATE subscriptions SET gateway_customer = ? WHERE id = 2`, "cus_\n2")
	db := worktest.Open(t, plain.DSN)
	items, _ := Make(t, db, stage(t, db), 10)
	require.Equal(t, []uint64{1, 3}, invoices(items))
	require.Equal(t, []string{"gateway_customer has a control character"}, worktest.List[string](t, plain, `SELECT review_reason FROM invoices WHERE status = 'review'`))
}

// A shop's view that was made before the column counts as one that is NULL in every row, until it has it.
func TestAViewWithoutTheSecondIdentifier(t *testing.T) {
	t.Parallel()
	plain := shop(t, 9, nil)
	worktest.Exec(t, plain, `RENAME TABLE subscriptions TO shop_subscriptions`)
	worktest.Exec(t, plain, `UPDATE shop_subscriptions SET gateway_customer = 'cus_9'`)
	columns := strings.Join(worktest.List[string](t, plain, `SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE()
AND table_name = 'shop_subscriptions' AND column_name <> 'gateway_customer' ORDER BY ordinal_position`), ", ")
	worktest.Exec(t, plain, `CREATE VIEW subscriptions AS SELECT `+columns+` FROM shop_subscriptions`)
	db := worktest.Open(t, plain.DSN)

	open := stage(t, db)
	open.Selection.Subscriptions = []uint64{1, 2}
	items, _ := Make(t, db, open, 10)
	require.Equal(t, []string{"1 NULL 1", "2 NULL 1"}, charged(items))
	items, _ = Make(t, db, doubt(db), 10)
	require.ElementsMatch(t, []string{"1 NULL 1", "2 NULL 1"}, charged(items))
	for _, item := range items {
		require.True(t, item.Chargeable)
	}
	due := &readers.DueSubscriptions{Selection: stage(t, db).Selection, Status: billing.Active}
	due.Selection.Business += 60
	page, _, err := due.Look(t.Context(), db, 10)
	require.NoError(t, err)
	require.Len(t, page, 9)
	looked, _, err := stage(t, db).Look(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, looked, 7)
	require.Empty(t, looked[0].Subscription.GatewayCustomer)

	worktest.Exec(t, plain, `CREATE OR REPLACE VIEW subscriptions AS SELECT `+columns+`, gateway_customer FROM shop_subscriptions`)
	items, _ = Make(t, db, stage(t, db), 10)
	require.Len(t, items, 7)
	require.Equal(t, "3 cus_9 2", charged(items)[0])
	items, _ = Make(t, db, doubt(db), 10)
	for _, item := range items {
		require.Equal(t, item.Invoice.SubscriptionID > 2, item.Chargeable, "an attempt that was made without one is not sent again without")
	}
	worktest.Exec(t, plain, `DROP VIEW subscriptions`)
}
