package inspect

import (
	"context"
	"maps"
	"slices"
	"time"

	"duly/config"
	"duly/internal/billing"
	"duly/internal/operator"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/view"
)

// StatusView is the document of `duly status`.
type StatusView struct {
	At               time.Time         `json:"at"`
	BusinessDate     payment.Date      `json:"business_date"`
	DueSubscriptions int64             `json:"due_subscriptions"` // due and not invoiced
	DueInvoices      []query.StageSum  `json:"due_invoices"`      // open, by stage and currency
	InFlight         int64             `json:"in_flight"`
	InDoubt          int64             `json:"in_doubt"`
	NextCheckAt      *time.Time        `json:"next_check_at,omitempty"`
	Orders           ordersView        `json:"orders"`
	Refunds          refundsView       `json:"refunds"`
	Undelivered      []undeliveredView `json:"undelivered"` // by receiver
	InReview         query.Reviews     `json:"in_review"`
	// UnknownCharges wait to be adopted, by gateway: nothing is charged there before.
	UnknownCharges []operator.GatewayCount `json:"unknown_charges"`
	// StuckRows are rows that several runs have left because the database failed on them, the oldest first.
	StuckRows []worklist.StuckRow `json:"stuck_rows"`
	// Unbilled are subscriptions that would be due, and that nobody bills for their status.
	Unbilled []worklist.Unbilled `json:"unbilled"`
	// OwnerlessChanges are planned changes that are due and whose subscription does not exist.
	OwnerlessChanges *worklist.Ownerless `json:"changes_without_subscription,omitempty"`
	Pauses           []runs.Pause        `json:"pauses"`
	Runs             []view.Run          `json:"runs"` // live ones

	notes statusNotes
}

// ordersView are the orders that are to be checked.
type ordersView struct {
	Due         int64      `json:"due"` // stale, and checked by nobody yet; query.MostCounted stands for more
	InFlight    int64      `json:"in_flight"`
	InDoubt     int64      `json:"in_doubt"`
	NextCheckAt *time.Time `json:"next_check_at,omitempty"`
}

// refundsView are the payments that are to be refunded.
type refundsView struct {
	Due       int64      `json:"due"`
	Waiting   int64      `json:"waiting"` // for their next try
	NextTryAt *time.Time `json:"next_try_at,omitempty"`
}

// undeliveredView are the events that a receiver has not got.
type undeliveredView struct {
	Sink      string     `json:"sink"`
	Pending   int64      `json:"pending"`
	Failed    int64      `json:"failed"` // those of them that were tried
	NextTryAt *time.Time `json:"next_try_at,omitempty"`
	Cause     string     `json:"cause,omitempty"` // the commonest one of those that failed
}

// Status shows what runs, what waits and what is due.
func Status(ctx context.Context, ses *session.Session, db *session.Database) error {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	s, err := statusNow(ctx, ses, db, business)
	if err != nil {
		return err
	}
	if ses.Screen.JSON {
		return ses.Screen.Print(s)
	}
	showStatus(ses.Screen, s)
	return nil
}

func statusNow(ctx context.Context, ses *session.Session, db *session.Database, business func() time.Time) (StatusView, error) {
	c, err := ses.Load()
	if err != nil {
		return StatusView{}, err
	}
	var s StatusView
	err = db.Snapshot(ctx, func(db *session.Database) error {
		now := business()
		s = StatusView{At: now.UTC().Truncate(time.Microsecond), BusinessDate: payment.DateOf(now.In(c.Business.Location()))}
		err := s.read(ctx, db, c)
		if err == nil && !ses.Screen.JSON {
			err = s.annotate(ctx, ses, db, c)
		}
		return err
	})
	return s, err
}

// mostStuck is how many stuck rows are listed.
const mostStuck = 20

func (s *StatusView) read(ctx context.Context, db *session.Database, c *config.Config) error {
	selection := store.Selection{Business: s.BusinessDate}
	for _, part := range []func() error{
		func() error { return s.readBilling(ctx, db, c, selection) },
		func() error { return s.readOrders(ctx, db, c, selection) },
		func() error { return s.readEvents(ctx, db, c, selection) },
		func() error { return s.readPauses(ctx, db) },
	} {
		if err := part(); err != nil {
			return err
		}
	}
	var err error
	if s.InReview, err = query.CountReviews(ctx, db.DB, s.BusinessDate); err != nil {
		return err
	}
	if s.UnknownCharges, err = operator.CountUnknownCharges(ctx, db.DB); err != nil {
		return err
	}
	if s.Unbilled, err = worklist.UnbilledByStatus(ctx, db.DB, selection); err != nil {
		return err
	}
	ownerless, err := worklist.OwnerlessChanges(ctx, db.DB, s.BusinessDate)
	if err != nil {
		return err
	}
	if ownerless.Count > 0 {
		s.OwnerlessChanges = &ownerless
	}
	if s.StuckRows, err = worklist.StuckRows(ctx, db.DB, s.BusinessDate, mostStuck); err != nil {
		return err
	}
	live, err := runs.LiveRuns(ctx, db.DB)
	if err != nil {
		return err
	}
	s.Runs, err = view.Runs(ctx, db, live, s.At)
	return err
}

func (s *StatusView) readBilling(ctx context.Context, db *session.Database, c *config.Config, selection store.Selection) error {
	var err error
	if s.DueSubscriptions, err = query.Issuable(ctx, db.DB, s.issuing(c)); err != nil {
		return err
	}
	if s.DueInvoices, err = query.OpenSums(ctx, db.DB, s.BusinessDate); err != nil {
		return err
	}
	unsettled, err := query.CountUnsettled(ctx, db.DB, selection, store.Gateways{})
	s.InFlight, s.InDoubt, s.NextCheckAt = unsettled.InFlight, unsettled.InDoubt, unlessZero(unsettled.NextCheck)
	return err
}

// issuing is what a run of today could invoice.
func (s *StatusView) issuing(c *config.Config) query.Issuing {
	return query.Issuing{
		Selection: store.Selection{Business: s.BusinessDate}, Effective: s.BusinessDate, CatchUp: billing.CatchUp(c.Billing.CatchUp),
		Named: session.DunningPolicies(c),
	}
}

func (s *StatusView) readOrders(ctx context.Context, db *session.Database, c *config.Config, selection store.Selection) error {
	policy := orders.Policy{OlderThan: c.Reconcile.OlderThan, GiveUpAfter: c.Reconcile.GiveUpAfter}
	left, err := query.CountOrders(ctx, db.DB, selection, policy, s.At, 0, nil)
	if err != nil {
		return err
	}
	s.Orders = ordersView{Due: left.Due, InFlight: left.InFlight, InDoubt: left.InDoubt, NextCheckAt: unlessZero(left.Next)}
	refunds, err := query.CountRefunds(ctx, db.DB, selection, s.At)
	if err != nil {
		return err
	}
	requested, err := query.CountRequestedRefunds(ctx, db.DB, selection, s.At)
	all := refunds.And(requested)
	s.Refunds = refundsView{Due: all.Due, Waiting: all.Waiting, NextTryAt: unlessZero(all.Next)}
	return err
}

func (s *StatusView) readEvents(ctx context.Context, db *session.Database, c *config.Config, selection store.Selection) error {
	s.Undelivered = []undeliveredView{}
	for _, sink := range session.SinkNames(c) {
		u, err := query.CountUndelivered(ctx, db.DB, sink, selection)
		if err != nil {
			return err
		}
		v := undeliveredView{Sink: sink, Pending: u.Pending, Failed: u.Failed, NextTryAt: unlessZero(u.NextTry)}
		if u.Failed > 0 {
			if v.Cause, err = query.UndeliveredReason(ctx, db.DB, sink); err != nil {
				return err
			}
		}
		s.Undelivered = append(s.Undelivered, v)
	}
	return nil
}

func (s *StatusView) readPauses(ctx context.Context, db *session.Database) error {
	pauses, err := runs.ReadPauses(ctx, db.DB)
	s.Pauses = []runs.Pause{}
	for _, subject := range slices.Sorted(maps.Keys(pauses)) {
		s.Pauses = append(s.Pauses, pauses[subject])
	}
	return err
}

// unlessZero is an instant of a document; nil for none.
func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
