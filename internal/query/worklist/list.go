package worklist

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/refunds"
	"duly/internal/store"
)

// What a listed row can be.
const (
	Invoice      = "invoice"
	Attempt      = "attempt"
	Subscription = "subscription"
	Order        = "order"
	Finding      = "finding"
	Event        = "event"
	Charge       = "charge"
	Refund       = "refund"
)

// Row is a row that waits for an operator or a gateway. Its reason names neither a customer nor a payment method.
type Row struct {
	What         string    `json:"what"` // invoice, attempt, subscription, order, finding, event, charge, refund or change
	ID           uint64    `json:"id"`
	Kind         string    `json:"kind,omitempty"`   // of a finding or a change, or the type of an event
	Status       string    `json:"status,omitempty"` // of the attempt, subscription or order
	Gateway      string    `json:"gateway,omitempty"`
	Sink         string    `json:"sink,omitempty"`
	Run          uint64    `json:"run_id,omitempty" db:"run_id"` // the last one that worked on it, where that is stored
	Subscription uint64    `json:"subscription_id,omitempty" db:"subscription_id"`
	Invoice      uint64    `json:"invoice_id,omitempty" db:"invoice_id"`
	Attempt      uint64    `json:"attempt_id,omitempty" db:"attempt_id"` // that an invoice waits for
	Payments     []uint64  `json:"payment_ids,omitempty" db:"-"`         // that an order waits for, or that a refund is of
	Key          string    `json:"idempotency_key,omitempty" db:"idempotency_key"`
	Reference    string    `json:"reference,omitempty"`
	Amount       int64     `json:"amount,omitempty"` // minor units
	Currency     string    `json:"currency,omitempty"`
	Reason       string    `json:"reason,omitempty"`
	AmountCheck  string    `json:"amount_check,omitempty" db:"amount_check"` // of an invoice, the guard that holds its amount
	Since        time.Time `json:"since_at" db:"since"`
	Behind       uint64    `json:"behind_refund_id,omitempty"` // of a requested refund, another one of its payment that is in review: it comes first

	Undecided uint64        `json:"-" db:"-"` // of Payments, one that an operator's word decides: none that is recorded as succeeded
	Held      refunds.Held  `json:"-" db:"-"` // a refund in review, or the one that a requested refund waits for
	Gone      bool          `json:"-"`        // the shop's row that it belongs to is not there
	Cancelled bool          `json:"-"`        // the subscription of an invoice is cancelled
	Stuck     bool          `json:"-"`        // a change that cannot be applied
	NextCheck time.Time     `json:"-" db:"-"`
	Found     query.Finding `json:"-" db:"-"` // of a finding
	gateways  []string      // of an order's payments

	cursor cursor
}

// Unproven reports whether the attempt that an invoice waits for has ended, without a proof.
func (l Row) Unproven() bool {
	return l.What == Invoice && l.Attempt != 0 && l.Status != string(billing.AttemptReview)
}

// Filter says which listed rows are meant; the zero filter means all.
type Filter struct {
	What     []string // see [Row]
	Kinds    []string // of findings, or types of events
	Gateways []string
	Sinks    []string
	Runs     []Run
	Reason   string // a part of it, in any letter case
	Since    time.Time
	Until    time.Time
	Only     func(Row) bool // what else must hold; nil: nothing
}

// Run is a run whose rows are listed: those that are stored as its own, and those of which no run is stored that changed
// while it ran.
type Run struct {
	ID       uint64
	From, To time.Time
}

// Zero reports whether f means all rows.
func (f Filter) Zero() bool {
	return len(f.What) == 0 && len(f.Kinds) == 0 && len(f.Gateways) == 0 && len(f.Sinks) == 0 && len(f.Runs) == 0 &&
		f.Reason == "" && f.Since.IsZero() && f.Until.IsZero() && f.Only == nil
}

// means reports whether l is one of the rows.
func (f Filter) means(l Row) bool {
	among := func(list []string, words ...string) bool {
		return len(list) == 0 || slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	run := len(f.Runs) == 0
	for _, r := range f.Runs {
		run = run || l.Run == r.ID || l.Run == 0 && !l.Since.Before(r.From) && !l.Since.After(r.To)
	}
	return run && among(f.What, l.What) && among(f.Kinds, l.Kind) && among(f.Sinks, l.Sink) && among(f.Gateways, append(l.gateways, l.Gateway)...) &&
		strings.Contains(strings.ToLower(l.Reason), strings.ToLower(f.Reason)) &&
		(f.Since.IsZero() || !l.Since.Before(f.Since)) && (f.Until.IsZero() || l.Since.Before(f.Until)) && (f.Only == nil || f.Only(l))
}

// List is one of the lists of what waits.
type List struct {
	// Each hands every row of the list to each, page by page, in a fixed order; an error of it ends the walk.
	Each func(ctx context.Context, db *mysql.DB, f Filter, each func(Row) error) error
}

// InReview lists what waits for an operator's word: invoices, attempts beside a closed invoice, subscriptions that are due by that
// day and cannot be invoiced, and orders.
func InReview(business payment.Date) List {
	return listOf(
		walkInvoicesInReview,
		paged(attemptsInReview, byID),
		subscriptionsInReview(business),
		withPayments(paged(ordersWaiting, byID)),
		paged(refundsInReview, byID),
	)
}

// Refunds lists the requested refunds that are not settled: first those that may have been executed.
func Refunds() List {
	return listOf(paged(refundsOpen, byID, "in_doubt"), paged(refundsOpen, byID, "in_flight"), paged(refundsOpen, byID, "requested"), paged(refundsInReview, byID))
}

// Subscriptions lists the subscriptions of [InReview] alone.
func Subscriptions(business payment.Date) List { return listOf(subscriptionsInReview(business)) }

// InDoubt lists charges of which nobody knows yet whether they took money: attempts, and orders with their payments.
func InDoubt() List {
	return listOf(paged(attemptsInFlight, byID), paged(attemptsInDoubt, byTime), withPayments(paged(ordersInDoubt, byTime)))
}

// Findings lists the findings of audits that nobody has resolved.
func Findings() List { return listOf(asFindings(paged(findingsWaiting, byID))) }

// DeadDeliveries lists the deliveries that were given up, receiver by receiver.
func DeadDeliveries() List { return listOf(walkDeadEvents) }

// Unknown lists charges that wait to be adopted, subscriptions in a status that duly does not know, and those that are trialing
// where nothing says when they begin: without a next billing date, or with one that has come by that day.
func Unknown(business payment.Date) List {
	return listOf(paged(chargesUnknown, byID), subscriptionsUnknown(business))
}

// A walkFunc hands the rows of one part of a list to each.
type walkFunc func(ctx context.Context, db *mysql.DB, each func(Row) error) error

func listOf(walks ...walkFunc) List {
	return List{Each: func(ctx context.Context, db *mysql.DB, f Filter, each func(Row) error) error {
		for _, walk := range walks {
			if err := walk(ctx, db, func(l Row) error {
				if !f.means(l) {
					return nil
				}
				return each(l)
			}); err != nil {
				return err
			}
		}
		return nil
	}}
}

// pageSize is how many rows are read at once.
const pageSize = 500

// cursor is where a page ended.
type cursor struct {
	id   uint64
	at   time.Time
	date string
}

// cursorArgs gives a cursor as the arguments of the query that goes on behind it.
type cursorArgs func(c cursor) []any

func byID(c cursor) []any   { return []any{c.id} }
func byTime(c cursor) []any { return []any{c.at, c.at, c.id} }
func byDate(c cursor) []any { return []any{c.date, c.date, c.id} }

// scanned is a row as the queries read it.
type scanned struct {
	Row

	CursorAt   *time.Time `db:"cursor_at"`
	CursorDate *string    `db:"cursor_date"`
	Payment    uint64     // of a refund
	Sent       bool       // see refunds.Held
	Shown      bool
	Executed   bool
	Detail     []byte
}

// paged walks a query that ends with the arguments of its cursor and a limit.
func paged(query string, behind cursorArgs, args ...any) walkFunc {
	return func(ctx context.Context, db *mysql.DB, each func(Row) error) error {
		at := cursor{at: time.Unix(0, 0).UTC(), date: "0000-00-00"}
		for {
			var rows []scanned
			if err := db.SelectContext(ctx, &rows, query, slices.Concat(args, behind(at), []any{pageSize})...); err != nil {
				return fmt.Errorf("list what waits: %w", mysql.Classify(ctx, err))
			}
			for _, r := range rows {
				l := r.listed()
				at = l.cursor
				if err := each(l); err != nil {
					return err
				}
			}
			if len(rows) < pageSize {
				return nil
			}
		}
	}
}

func (r scanned) listed() Row {
	l := r.Row
	l.cursor.id = l.ID
	if r.CursorAt != nil {
		l.cursor.at, l.NextCheck = *r.CursorAt, *r.CursorAt
	}
	if r.CursorDate != nil {
		l.cursor.date = *r.CursorDate
	}
	if l.What == Refund {
		l.Held = refunds.Held{ID: cmp.Or(l.Behind, l.ID), Sent: r.Sent, Executed: r.Executed, Shown: r.Shown && !r.Sent, Gone: l.Gone}
	}
	if r.Payment != 0 {
		l.Payments = []uint64{r.Payment}
	}
	if l.What == Finding {
		l.Found = query.Finding{ID: l.ID, Kind: l.Kind, Reference: l.Reference, PaymentID: l.Key, Detail: r.Detail}
		l.Key, l.Reason, l.Gateway = "", l.Found.Text(), l.Found.Found().Detail.Gateway
	}
	return l
}

// buffered hands rows on in pages, each made whole by fill first.
func buffered(walk walkFunc, fill func(ctx context.Context, db *mysql.DB, page []Row) error) walkFunc {
	return func(ctx context.Context, db *mysql.DB, each func(Row) error) error {
		var page []Row
		flush := func() error {
			if len(page) == 0 {
				return nil
			}
			if err := fill(ctx, db, page); err != nil {
				return fmt.Errorf("list what waits: %w", mysql.Classify(ctx, err))
			}
			for _, l := range page {
				if err := each(l); err != nil {
					return err
				}
			}
			page = page[:0]
			return nil
		}
		err := walk(ctx, db, func(l Row) error {
			if page = append(page, l); len(page) < pageSize {
				return nil
			}
			return flush()
		})
		if err != nil {
			return err
		}
		return flush()
	}
}

// withPayments adds to orders the payments that wait.
func withPayments(walk walkFunc) walkFunc {
	return buffered(walk, addPayments)
}

func addPayments(ctx context.Context, db *mysql.DB, page []Row) error {
	var rows []struct {
		ID      uint64
		Order   uint64 `db:"order_id"`
		Gateway string
		Status  string
		Code    string `db:"failure_code"`
	}
	if err := mysql.SelectIn(ctx, db, &rows, listedPayments, store.SortedIDs(page, func(l Row) uint64 { return l.ID })); err != nil {
		return err
	}
	of := map[uint64][]orders.Payment{}
	for _, r := range rows {
		of[r.Order] = append(of[r.Order], orders.Payment{
			ID: r.ID, OrderID: r.Order, Gateway: r.Gateway, Status: orders.PaymentStatusOf(r.Status), FailureCode: r.Code,
		})
	}
	for i := range page {
		l := &page[i]
		waiting := orders.Waiting(of[l.ID], orders.Check{Reason: l.Reason})
		for _, p := range of[l.ID] {
			l.gateways = append(l.gateways, p.Gateway)
		}
		for _, p := range waiting {
			l.Payments, l.Gateway = append(l.Payments, p.ID), p.Gateway
			if l.Undecided == 0 && p.Status != orders.PaymentSucceeded {
				l.Undecided = p.ID
			}
		}
		if l.Gateway == "" && len(l.gateways) > 0 {
			l.Gateway = l.gateways[len(l.gateways)-1]
		}
	}
	return nil
}
