package writers

import (
	"context"
	"log/slog"

	"duly/internal/batch"
	"duly/internal/mysql"
)

// methodsKept says, once in a step, that a payment method which a gateway replaced stays as it is, and why. refused is nil if none did.
func (w *OpenInvoices) methodsKept(ctx context.Context, refused error) {
	if refused == nil || w.kept {
		return
	}
	w.kept = true
	batch.Execution(ctx).Log.WarnContext(ctx, "a gateway replaced payment methods, and subscriptions keep the old ones: "+
		"grant UPDATE (payment_method) ON subscriptions to the worker (deploy/sql/grants.sql)", slog.String("error", mysql.Reason(refused)))
}
