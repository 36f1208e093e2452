package writers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/store"
)

// Keep implements batch.Writer: definite answers are added to gateway_answers, where recovery looks first.
func (w *OpenInvoices) Keep(ctx context.Context, results []billing.Result) error {
	return mysql.Repeat(ctx, w.DB, "answers", func(tx *sqlx.Tx) error {
		return keep(ctx, tx, batch.Execution(ctx).Run.ID, results)
	})
}

func keep(ctx context.Context, tx *sqlx.Tx, run uint64, results []billing.Result) error {
	return store.AddAnswers(ctx, tx, store.DefiniteAnswers(run, results, time.Time{}))
}
