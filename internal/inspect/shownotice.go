package inspect

import (
	"context"

	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/billing/notice"
	"duly/internal/exit"
	"duly/internal/noticerows"
	"duly/internal/session"
)

// unannounced adds to an open invoice whose policy requires a notice what is missing of it.
func unannounced(ctx context.Context, db *session.Database, s *explain.Standing) error {
	inv := s.Invoice
	if inv.Status != billing.Open || !notice.Needed(inv.Invoice, len(inv.Past), s.Policy.Of(s.Subscription.DunningPolicy)) {
		return nil
	}
	known, err := noticerows.Read(ctx, db.DB, []uint64{inv.SubscriptionID}, inv.Due)
	if err != nil {
		return exit.Failed(err)
	}
	inv.Unannounced = notice.Missing(inv.Invoice, known[noticerows.Key{Subscription: inv.SubscriptionID, Kind: notice.Upcoming, For: inv.Due}])
	return nil
}
