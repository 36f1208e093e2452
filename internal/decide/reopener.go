package decide

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/inspect"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/store"
)

// ReopenView is the document of `duly reopen`.
type ReopenView struct {
	Runs     []uint64       `json:"runs"`
	Gateway  string         `json:"gateway"`
	Classes  []string       `json:"classes"`
	DryRun   bool           `json:"dry_run"`
	Reopened int            `json:"reopened"` // by this command, or to be
	Before   int            `json:"before"`   // taken back already
	Refused  int            `json:"refused"`
	Invoices []reopenedView `json:"invoices"`
	Next     []string       `json:"next"` // commands to type
}

// reopenedView is an invoice whose decline is taken back.
type reopenedView struct {
	InvoiceID        uint64       `json:"invoice_id"`
	SubscriptionID   uint64       `json:"subscription_id"`
	AttemptID        uint64       `json:"attempt_id"`
	Key              string       `json:"idempotency_key"`
	Class            string       `json:"class"`
	Stage            int          `json:"stage"`
	SubscriptionFrom string       `json:"subscription_from,omitempty"`
	SubscriptionTo   string       `json:"subscription_to,omitempty"`
	NextBilling      payment.Date `json:"next_billing_date,omitempty"` // that it is moved to
	Done             bool         `json:"done"`
	Refused          bool         `json:"refused"`
	Detail           string       `json:"detail"` // what becomes of it, or why it was refused
}

// reopenShown is how many invoices that are taken back people are shown; refused ones are all shown.
const reopenShown = 20

// Reopen shows what becomes of the declines, or makes it so.
func Reopen(ctx context.Context, ses *session.Session, db *session.Database, f ReopenFlags, classes []payment.Class) error {
	c, err := ses.Load()
	if err != nil {
		return err
	}
	if err := inspect.KnownRuns(ctx, db, f.Runs); err != nil {
		return err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	ids, err := operator.Declines(ctx, db.DB, f.Runs, f.Gateway, classes)
	if err != nil {
		return exit.Failed(err)
	}
	v := ReopenView{Runs: f.Runs, Gateway: f.Gateway, Classes: WordsOf(classes), DryRun: f.Dry, Invoices: []reopenedView{}, Next: []string{}}
	var refusals []error
	for _, id := range ids {
		now := business()
		w := operator.Reopen{
			Attempt: id, Classes: classes, Today: payment.DateOf(now.In(c.Business.Location())), Now: now,
			Action: session.Action("reopen", "attempt:"+strconv.FormatUint(id, 10), f.Reason),
			Read: func(ctx context.Context, tx *sqlx.Tx) (billing.Declined, error) {
				return operator.Decline(ctx, tx, id, " FOR UPDATE")
			},
		}
		refusal, err := v.add(reopenOne(ctx, db, w, f.Dry))
		if err != nil {
			return err
		}
		if refusal != nil {
			refusals = append(refusals, refusal)
		}
	}
	pauses, err := runs.ReadPauses(ctx, db.DB)
	if err != nil {
		return exit.Failed(err)
	}
	_, paused := pauses.Gateway(f.Gateway)
	v.addNext(f, paused)
	return conclude(ses.Screen, v, showReopened, refusals)
}

// reopenOne takes a decline back, or says what would become of it.
func reopenOne(ctx context.Context, db *session.Database, w operator.Reopen, dry bool) (billing.Declined, billing.Reopening, error) {
	if !dry {
		return w.Write(ctx, db.DB)
	}
	d, err := operator.Decline(ctx, db.DB, w.Attempt, "")
	if err != nil {
		return d, billing.Reopening{}, mysql.Classify(ctx, err)
	}
	r, err := billing.DecideReopen(d, w.Classes, w.Today)
	if err != nil {
		err = store.RefusedError{Why: err}
	}
	return d, r, err
}

// add notes what became of a decline. refusal is why it was refused.
func (v *ReopenView) add(d billing.Declined, r billing.Reopening, err error) (refusal, failure error) {
	row := reopenedView{
		InvoiceID: d.Invoice.ID, SubscriptionID: d.Invoice.SubscriptionID, AttemptID: d.ID, Key: d.Key, Class: string(d.Class), Stage: d.Stage,
		SubscriptionFrom: string(r.SubscriptionFrom), SubscriptionTo: string(r.SubscriptionTo), NextBilling: r.Next, Detail: r.Detail,
	}
	switch {
	case err == nil:
		row.Done = !v.DryRun
		v.Reopened++
	case errors.Is(err, billing.ErrReopened):
		row.Done, row.Detail = true, billing.ErrReopened.Error()
		v.Before++
	default:
		if err = RefusedOr(err); !isRefusal(err) {
			return nil, err
		}
		row.Refused, row.Detail = true, err.Error()
		v.Refused++
		refusal = fmt.Errorf("invoice %d: %w", row.InvoiceID, err)
	}
	v.Invoices = append(v.Invoices, row)
	return refusal, nil
}

// addNext fills in the commands to type.
func (v *ReopenView) addNext(f ReopenFlags, paused bool) {
	if f.Dry {
		if v.Reopened > 0 {
			var runs []string
			for _, id := range f.Runs {
				runs = append(runs, strconv.FormatUint(id, 10))
			}
			v.Next = append(v.Next, fmt.Sprintf(`duly reopen --run %s --gateway %s --class %s --reason "…"`, strings.Join(runs, ","), f.Gateway, strings.Join(v.Classes, ",")))
		}
		return
	}
	if v.Reopened+v.Before == 0 {
		return
	}
	if paused {
		v.Next = append(v.Next, "duly resume gateway "+f.Gateway)
	}
	v.Next = append(v.Next, "duly run billing")
}

// showReopened writes what became of the declines for people.
func showReopened(screen *cli.Screen, v ReopenView) {
	if len(v.Invoices) == 0 {
		screen.Line("no charge was declined as %s at gateway %s by %s", strings.Join(v.Classes, " or "), v.Gateway, runsNamed(v.Runs))
		return
	}
	var rows []table.Row
	shown := 0
	for _, i := range v.Invoices {
		switch {
		case i.Refused:
			rows = append(rows, table.Row{i.InvoiceID, i.SubscriptionID, i.AttemptID, i.Class, "refused: " + i.Detail})
		case i.Detail == billing.ErrReopened.Error():
		default:
			if shown++; shown <= reopenShown {
				rows = append(rows, table.Row{i.InvoiceID, i.SubscriptionID, i.AttemptID, i.Class, i.Detail})
			}
		}
	}
	if len(rows) > 0 {
		screen.Table(table.Row{"invoice", "subscription", "attempt", "class", "becomes"}, rows)
	}
	if more := int64(shown - reopenShown); more > 0 {
		screen.Line("and %s more; --json lists all", cli.Plural(more, "invoice"))
	}
	did, end := "taken back", ""
	if v.DryRun {
		did, end = "would be taken back", "; nothing was changed"
	}
	line := cli.Plural(int64(v.Reopened), "decline") + " " + did
	if v.Before > 0 {
		line += fmt.Sprintf(", %d taken back before", v.Before)
	}
	if v.Refused > 0 {
		line += fmt.Sprintf(", %d refused", v.Refused)
	}
	screen.Line("%s%s", line, end)
	for _, next := range v.Next {
		screen.Command("next: %s", next)
	}
}

func runsNamed(runs []uint64) string {
	var names []string
	for _, id := range runs {
		names = append(names, strconv.FormatUint(id, 10))
	}
	if len(names) == 1 {
		return "run " + names[0]
	}
	return "runs " + strings.Join(names, ", ")
}
