package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/cli"
	"duly/internal/leasewait"
	"duly/internal/outbox"
	"duly/internal/query"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/sum"
	"duly/internal/view"
	"duly/jobs"
)

// statusColumn is how wide the labels of a status are.
const statusColumn = 10

// statusNotes is what only people are shown of a status.
type statusNotes struct {
	cli.Calendar

	where   string           // user@host
	due     map[string]int64 // what the charges that are due cost, by currency
	charges int64
	oldest  time.Time // review
	owners  []query.Owner
	free    int64     // claims that belong to none of them
	last    *view.Run // the newest run that is not live
}

// place is the user and the host of the database, as people name it.
func place(d config.Database) string {
	host, user := d.Login()
	host = strings.TrimSuffix(host, ":3306")
	if strings.HasPrefix(host, "/") {
		host = "localhost"
	}
	if user == "" {
		return host + " database"
	}
	return user + "@" + host
}

// annotate reads what people are shown beside the document.
func (s *StatusView) annotate(ctx context.Context, a *session.Session, db *session.Database, c *config.Config) error {
	days, err := a.Calendar(s.At)
	if err != nil {
		return err
	}
	s.notes = statusNotes{Calendar: days, where: place(c.Database), due: map[string]int64{}}
	issuable, err := query.IssuableSums(ctx, db.DB, s.issuing(c))
	if err != nil {
		return err
	}
	for _, of := range append(issuable, s.DueInvoices...) {
		s.notes.charges += of.Count
		s.notes.due[of.Currency] = sum.Add(s.notes.due[of.Currency], of.Amount)
	}
	if s.notes.oldest, err = query.OldestReview(ctx, db.DB, s.BusinessDate); err != nil {
		return err
	}
	if s.InFlight > 0 {
		if s.notes.owners, s.notes.free, err = query.Claims(ctx, db.DB, store.Selection{}, store.Gateways{}, 0); err != nil {
			return err
		}
	}
	return s.newest(ctx, db)
}

// newest finds the newest run that is not live.
func (s *StatusView) newest(ctx context.Context, db *session.Database) error {
	past, err := runs.Runs(ctx, db.DB, len(s.Runs)+1)
	if err != nil {
		return err
	}
	for _, run := range past {
		if run.Alive(s.At) {
			continue
		}
		list, err := view.Runs(ctx, db, []runs.PastRun{run}, s.At)
		if err == nil {
			s.notes.last = &list[0]
		}
		return err
	}
	return nil
}

// showStatus writes a status for people: who is needed first, then what is due, and the runs last.
func showStatus(screen *cli.Screen, s StatusView) {
	screen.Item("", 0, append(s.notes.Header(s.At), s.notes.where)...)
	written := 0
	row := func(label string, parts ...string) {
		written++
		screen.Item(label, statusColumn, parts...)
	}
	s.people(row)
	s.charging(row)
	s.shop(row)
	s.held(row)
	if written == 0 {
		screen.Line("%s nothing is due, in doubt or in review", cli.SignDone)
	}
	if last := s.notes.last; last != nil {
		screen.Item("Last run", statusColumn, lastRun(*last, s.notes.Calendar)...)
	}
	for _, v := range s.Runs {
		showLive(screen, v, s.At, s.silent(v))
	}
}

// silent reports whether a live run has missed so many heartbeats that it is most likely dead.
func (s StatusView) silent(v view.Run) bool { return leasewait.Silent(v.HeartbeatAt, v.Lease, s.At) }

// people are the rows that wait for somebody.
func (s StatusView) people(row func(label string, parts ...string)) {
	if n := s.InReview.Invoices + s.InReview.Attempts + s.InReview.Subscriptions + s.InReview.Orders + s.InReview.Refunds; n > 0 {
		waiting := cli.Number(n)
		if !s.notes.oldest.IsZero() {
			waiting += ", oldest " + cli.Lasting(s.At.Sub(s.notes.oldest))
		}
		row("Review", waiting, "duly list review")
	}
	if n := s.InReview.Findings; n > 0 {
		row("Findings", cli.Number(n)+" open", "duly list findings")
	}
	if n := s.InReview.Events; n > 0 {
		row("Given up", cli.Things(n, "event"), "duly list dead-events")
	}
	for _, u := range s.UnknownCharges {
		row("Unknown", fmt.Sprintf("%s at gateway %s that no attempt accounts for", cli.Things(u.Count, "charge"), u.Gateway), "duly adopt "+u.Gateway)
	}
	for _, u := range s.Unbilled {
		row("Unbilled", fmt.Sprintf("%s with the status %q", cli.Things(u.Count, "subscription"), u.Status), "duly list unknown")
	}
	if o := s.OwnerlessChanges; o != nil {
		row("Planned", cli.Things(o.Count, "change")+" due for a subscription that does not exist", "duly list changes")
	}
	for _, r := range s.StuckRows {
		row("Stuck", fmt.Sprintf("%s %d", r.Kind, r.ID), fmt.Sprintf("left by %d runs since %s: %s", r.Runs, s.notes.At(r.Since), r.Reason))
	}
}

// charging are the charges that are due, claimed and in doubt.
func (s StatusView) charging(row func(label string, parts ...string)) {
	if s.notes.charges > 0 {
		row("Due", cli.Things(s.notes.charges, "charge"), cli.MoneySums(s.notes.due))
	}
	for _, o := range s.notes.owners {
		if slices.ContainsFunc(s.Runs, func(v view.Run) bool { return v.ID == o.ID && !s.silent(v) }) {
			continue // its own line says more
		}
		row("Claimed", leasewait.Claims(o, "charge", false, s.At, s.notes.Zone))
	}
	if free := s.notes.free; free > 0 {
		row("Claimed", cli.Number(free)+", their runs have ended", "duly run billing --step recover")
	}
	if s.InDoubt > 0 {
		row("In doubt", cli.Number(s.InDoubt)+s.checked(s.NextCheckAt)+s.unlessLive(jobs.BillingJob, ", no live run"),
			s.unlessLive(jobs.BillingJob, "duly run billing --step recover"))
	}
}

// unlessLive is text, or nothing while a run of the job is live.
func (s StatusView) unlessLive(job, text string) string {
	for _, v := range s.Runs {
		if v.Job == job {
			return ""
		}
	}
	return text
}

// checked says when what is in doubt is asked about.
func (s StatusView) checked(at *time.Time) string {
	switch {
	case at == nil:
		return ""
	case at.Before(s.At):
		return ", " + cli.Lasting(s.At.Sub(*at)) + " overdue"
	}
	return ", next check " + s.notes.At(*at)
}

// shop are the orders, the refunds and the events. A shop may have none of them.
func (s StatusView) shop(row func(label string, parts ...string)) {
	var parts []string
	add := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, cli.Number(n)+" "+what)
		}
	}
	due := "to check"
	if s.Orders.Due+s.Orders.InFlight >= query.MostCounted {
		due = "or more to check"
	}
	add(s.Orders.Due, due)
	add(s.Orders.InFlight, "claimed")
	add(s.Orders.InDoubt, "in doubt"+s.checked(s.Orders.NextCheckAt))
	reconcile := s.unlessLive(jobs.ReconcileJob, "duly run reconcile")
	if len(parts) > 0 {
		row("Orders", append(parts, reconcile)...)
	}
	parts = nil
	add(s.Refunds.Due, "due")
	if s.Refunds.Waiting > 0 && s.Refunds.NextTryAt != nil {
		add(s.Refunds.Waiting, "to be tried again at "+s.notes.At(*s.Refunds.NextTryAt))
	} else {
		add(s.Refunds.Waiting, "to be tried again")
	}
	if len(parts) > 0 {
		row("Refunds", append(parts, reconcile)...)
	}
	for _, u := range s.Undelivered {
		parts = nil
		add(u.Pending, "not delivered to "+u.Sink)
		if u.Failed > 0 && u.NextTryAt != nil {
			add(u.Failed, "failed, next try "+s.notes.At(*u.NextTryAt))
		} else {
			add(u.Failed, "failed")
		}
		if u.Failed > 0 && u.Cause != "" {
			parts = append(parts, "most often: "+u.Cause)
			if command := view.TryReceiver(u.Sink); command != "" && !outbox.RowFails(u.Cause) {
				parts = append(parts, command)
			}
		}
		if len(parts) > 0 {
			row("Events", append(parts, s.unlessLive(jobs.OutboxJob, "duly run outbox"))...)
		}
	}
}

// held is what operators have paused.
func (s StatusView) held(row func(label string, parts ...string)) {
	for _, p := range s.Pauses {
		subject := strings.Replace(p.Subject, ":", " ", 1)
		row("Paused", subject+" by "+p.Who+", "+s.notes.At(p.Since)+fmt.Sprintf(" (%q)", p.Reason), "duly resume "+subject)
	}
}

// lastRun is a run that is not live, in a line.
func lastRun(v view.Run, days cli.Calendar) []string {
	name := fmt.Sprintf("%d %s", v.ID, v.Job)
	if v.FinishedAt == nil {
		return []string{fmt.Sprintf("%s, died %s", name, days.At(v.HeartbeatAt)), fmt.Sprintf("duly show run %d", v.ID)}
	}
	if v.Exit == nil {
		return []string{fmt.Sprintf("%s, %s, %s", name, days.At(*v.FinishedAt), v.Status)}
	}
	return []string{fmt.Sprintf("%s, %s, exit %d", name, days.At(*v.FinishedAt), *v.Exit)}
}
