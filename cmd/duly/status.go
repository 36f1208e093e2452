package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/readers"
)

// statusView is the document of `duly status`.
type statusView struct {
	At               time.Time          `json:"at"`
	BusinessDate     payment.Date       `json:"business_date"`
	DueSubscriptions int64              `json:"due_subscriptions"` // due and not invoiced
	DueInvoices      []readers.StageSum `json:"due_invoices"`      // open, by stage and currency
	InFlight         int64              `json:"in_flight"`
	InDoubt          int64              `json:"in_doubt"`
	NextCheckAt      *time.Time         `json:"next_check_at,omitempty"`
	InReview         readers.Reviews    `json:"in_review"`
	Pauses           []mysql.Pause      `json:"pauses"`
	Runs             []runView          `json:"runs"` // live ones
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show what is due, in flight, in doubt, in review and paused, and the live runs",
		Example: "  duly status\n  duly status --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withSchema(cmd.Context(), func(db *database) error { return a.status(cmd.Context(), db) })
		},
	}
}

func (a *app) status(ctx context.Context, db *database) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	now := business()
	s := statusView{At: now.UTC().Truncate(time.Microsecond), BusinessDate: payment.DateOf(now.In(c.Business.Location()))}
	if err := s.read(ctx, db); err != nil {
		return failed(mysql.Classify(ctx, err))
	}
	if a.json {
		return a.print(s)
	}
	a.showStatus(s)
	return nil
}

func (s *statusView) read(ctx context.Context, db *database) error {
	selection := readers.Selection{Business: s.BusinessDate}
	var err error
	if s.DueSubscriptions, err = readers.Issuable(ctx, db.DB, selection, s.BusinessDate); err != nil {
		return err
	}
	if s.DueInvoices, err = readers.OpenSums(ctx, db.DB, s.BusinessDate); err != nil {
		return err
	}
	unsettled, err := readers.CountUnsettled(ctx, db.DB, selection)
	if err != nil {
		return err
	}
	s.InFlight, s.InDoubt = unsettled.InFlight, unsettled.InDoubt
	if !unsettled.NextCheck.IsZero() {
		s.NextCheckAt = &unsettled.NextCheck
	}
	if s.InReview, err = readers.CountReviews(ctx, db.DB, s.BusinessDate); err != nil {
		return err
	}
	pauses, err := mysql.ReadPauses(ctx, db.DB)
	if err != nil {
		return err
	}
	s.Pauses = []mysql.Pause{}
	for _, subject := range slices.Sorted(maps.Keys(pauses)) {
		s.Pauses = append(s.Pauses, pauses[subject])
	}
	live, err := mysql.LiveRuns(ctx, db.DB)
	if err != nil {
		return err
	}
	s.Runs, err = views(ctx, db, live, s.At)
	return err
}

// showStatus writes a status for people.
func (a *app) showStatus(s statusView) {
	a.line("%s, business date %s", instant(s.At), s.BusinessDate)
	rows := []table.Row{{"subscriptions due and not invoiced", s.DueSubscriptions, ""}}
	for _, sum := range s.DueInvoices {
		rows = append(rows, table.Row{
			fmt.Sprintf("open invoices due, stage %d", sum.Stage), sum.Count, payment.Money{Amount: sum.Amount, Currency: sum.Currency},
		})
	}
	check := ""
	if s.NextCheckAt != nil {
		check = "next check " + instant(*s.NextCheckAt)
	}
	a.table(table.Row{"what", "count", ""}, append(rows,
		table.Row{"charges in flight", s.InFlight, ""}, table.Row{"charges in doubt", s.InDoubt, check},
		table.Row{"invoices in review", s.InReview.Invoices, ""}, table.Row{"subscriptions in review", s.InReview.Subscriptions, ""}))
	for _, p := range s.Pauses {
		a.line("paused: %s: %s", p.Subject, p)
	}
	if len(s.Runs) == 0 {
		a.line("no run is live")
	}
	for _, v := range s.Runs {
		a.line("run %d of %s for %s on %s, since %s", v.ID, v.Job, v.BusinessDate, v.Host, instant(v.StartedAt))
		a.steps(v.Steps)
	}
}
