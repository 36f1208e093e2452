package writers

import (
	"context"
	"log/slog"

	"duly/internal/batch"
	"duly/internal/mysql"
)

// methodsKept says, once in a step, that payment methods which a gateway replaced stay as they are, and why. refused is nil if none did.
func (w *OpenInvoices) methodsKept(ctx context.Context, refused error) {
	if refused == nil || w.kept {
		return
	}
	w.kept = true
	batch.Execution(ctx).Log.WarnContext(ctx, "payment methods that a gateway replaced stay as they are", slog.String("error", mysql.Reason(refused)),
		slog.String("mend", "grant UPDATE (payment_method) ON subscriptions to the worker: deploy/sql/grants.sql"))
}
