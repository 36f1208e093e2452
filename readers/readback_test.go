package readers

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/worktest"
)

// After a COMMIT without an answer each item of a claim is compared with the tables, and one that changed hands or was settled meanwhile
// is not this claim's any more: its lease, key, invoice and status must be as they were written.
func TestEachItemOfAClaimIsReadBack(t *testing.T) {
	t.Parallel()
	plain := worktest.Shop(t, 6, "2026-01-31", nil)
	db := worktest.Open(t, plain.DSN)
	lease := [16]byte{1}
	c := &openInvoicesClaim{lease: lease}
	for id := uint64(1); id <= 6; id++ {
		key := billing.Key(id, worktest.Day(t, "2026-01-31"), 1)
		worktest.Exec(t, plain, `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, run_id, lease, created_at)
VALUES (?, ?, ?, 1, 0, ?, 'r', 'c', 1, 'KRW', 'main', 'm', 1, 'in_flight', 1, ?, '2026-01-31')`, 100+id, id, id, key, lease[:])
		c.items = append(c.items, billing.Claimed{Attempt: billing.Attempt{
			ID: 100 + id, Invoice: billing.Invoice{ID: id}, Charge: payment.Charge{Key: key},
		}, Lease: lease})
		c.made = append(c.made, charge{key: key})
	}
	ids := func() []uint64 {
		var list []uint64
		for _, item := range c.items {
			list = append(list, item.ID)
		}
		return list
	}
	back := func() (done bool) {
		worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
			var err error
			done, err = c.tookEffect(ctx, db)
			return err
		})
		return done
	}
	require.True(t, back())
	require.Equal(t, []uint64{101, 102, 103, 104, 105, 106}, ids())
	require.EqualValues(t, 106, c.mark.ID)

	worktest.Exec(t, plain, `UPDATE payment_attempts SET lease = UNHEX(REPEAT('ab', 16)) WHERE id = 102`)
	worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'released' WHERE id = 103`)
	worktest.Exec(t, plain, `UPDATE payment_attempts SET invoice_id = 77 WHERE id = 104`)
	worktest.Exec(t, plain, `DELETE FROM payment_attempts WHERE id = 106`)
	require.True(t, back())
	require.Equal(t, []uint64{101, 105}, ids())
	require.EqualValues(t, 105, c.mark.ID)

	worktest.Exec(t, plain, `DELETE FROM payment_attempts`)
	require.False(t, back(), "it is made again")
	require.Empty(t, c.items)
}
