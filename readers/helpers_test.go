package readers_test

import (
	"context"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
	"duly/writers"
)

const due = "2026-01-31"

// shop is a database with n subscriptions, each with an open invoice of stage 0 that is due.
func shop(t *testing.T, n int, change func(i int, s *worktest.Subscription)) *testdb.DB {
	t.Helper()
	return worktest.Shop(t, n, due, change)
}

// stage reads stage 0 of a shop.
func stage(t *testing.T, db *mysql.DB) *readers.OpenInvoices {
	t.Helper()
	day := worktest.Day(t, due)
	return &readers.OpenInvoices{
		DB: db, Selection: store.Selection{Business: day}, Policy: billing.Policy{RetryDays: []int{1, 3, 5}},
		Known: func(name string) bool { return name == "main" || name == "other" },
		Today: func() payment.Date { return day }, Now: time.Now, Clock: time.Now,
		Decided: func(ctx context.Context, tx *sqlx.Tx, list []billing.Decided) (batch.Tally, error) {
			return writers.Decide(ctx, tx, time.Now(), list)
		},
	}
}

// doubt reads everything unsettled.
func doubt(db *mysql.DB) *readers.UnsettledAttempts {
	return &readers.UnsettledAttempts{DB: db, All: true, Now: time.Now, Clock: time.Now}
}

// readAll reads until the walk is done.
func readAll(ctx context.Context, t *testing.T, r batch.Reader[billing.Claimed], limit int) []billing.Claimed {
	t.Helper()
	var all []billing.Claimed
	for {
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: limit, Skip: func(string) bool { return false }})
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), limit)
		all = append(all, page.Items...)
		if page.Done {
			return all
		}
	}
}

// claim is what a run of its own claims.
func Make(t *testing.T, db *mysql.DB, r batch.Reader[billing.Claimed], limit int) ([]billing.Claimed, batch.Result) {
	t.Helper()
	var all []billing.Claimed
	result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		all = readAll(ctx, t, r, limit)
		return nil
	})
	return all, result
}

// invoices are the invoices of claimed items, in the order of the claim.
func invoices(items []billing.Claimed) []uint64 {
	ids := make([]uint64, len(items))
	for i, item := range items {
		ids[i] = item.Invoice.ID
	}
	return ids
}

// upTo is 1 … n.
func upTo(n int) []uint64 {
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(i) + 1
	}
	return ids
}

// begin opens a transaction of somebody else, which is rolled back after the test.
func begin(t *testing.T, plain *testdb.DB, query string, args ...any) *sqlx.Tx {
	t.Helper()
	tx, err := plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
	return tx
}
