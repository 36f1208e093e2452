// Package failedrows collects the rows that a run leaves because the database failed on them, and says so to people.
package failedrows

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/query/worklist"
	"duly/internal/store"
	"duly/internal/text"
)

// Rows are the rows that a run leaves because the database failed on them. The zero Rows has none. It is safe for concurrent use.
type Rows struct {
	mu   sync.Mutex
	rows map[store.FailedRow]failedRow
}

// failedRow is what is known of one of them.
type failedRow struct {
	what   string // what could not be done with it
	reason string // the error of the database
	runs   int    // how many runs have left it
}

// MostIDs is how many rows a reason names by id.
const MostIDs = 5

// Note records a row that is left; what says what could not be done with it, such as "charged".
func (u *Rows) Note(ctx context.Context, db *mysql.DB, row store.FailedRow, what string, cause error) {
	x := batch.Execution(ctx)
	f := failedRow{what: what, reason: mysql.Reason(cause), runs: 1}
	if runs, err := store.RowFailed(ctx, db, row, x.Run.ID, f.reason); err != nil {
		x.Log.WarnContext(ctx, "a row that was left could not be recorded", slog.String("kind", row.Kind), slog.Uint64("id", row.ID), slog.Any("error", err))
	} else {
		f.runs = runs
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.rows == nil {
		u.rows = map[store.FailedRow]failedRow{}
	}
	u.rows[row] = f
}

// Left returns a function for readers that notes rows of a kind.
func (u *Rows) Left(db *mysql.DB, kind, what string) func(context.Context, uint64, error) {
	return func(ctx context.Context, id uint64, cause error) {
		u.Note(ctx, db, store.FailedRow{Kind: kind, ID: id}, what, cause)
	}
}

// Reasons says which rows are left: one line for each error, and one for each row that several runs have left, with the command
// that shows it.
func (u *Rows) Reasons() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	type group struct{ kind, what, reason string }
	groups := map[group][]uint64{}
	var stuck []string
	for _, row := range slices.SortedFunc(maps.Keys(u.rows), func(a, b store.FailedRow) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	}) {
		f := u.rows[row]
		if f.runs >= worklist.StuckRuns {
			stuck = append(stuck, fmt.Sprintf("%s %d could not be %s in %d runs: %s; fix the database, then see: %s",
				row.Kind, row.ID, f.what, f.runs, f.reason, showCommand(row)))
			continue
		}
		g := group{row.Kind, f.what, f.reason}
		groups[g] = append(groups[g], row.ID)
	}
	var out []string
	for _, g := range slices.SortedFunc(maps.Keys(groups), func(a, b group) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.what, b.what), strings.Compare(a.reason, b.reason))
	}) {
		ids := groups[g]
		out = append(out, fmt.Sprintf("%s could not be %s because of the database: %s: %s", text.Plural(int64(len(ids)), g.kind), g.what, g.reason, IDList(ids)))
	}
	return append(out, stuck...)
}

func showCommand(row store.FailedRow) string {
	switch row.Kind {
	case KindEvent:
		return "duly status"
	case KindRefund:
		return "duly list refunds"
	}
	return fmt.Sprintf("duly show %s %d", row.Kind, row.ID)
}

// The kinds of rows that are left.
const (
	KindSubscription = "subscription"
	KindInvoice      = "invoice"
	KindOrder        = "order"
	KindEvent        = "event"
	KindRefund       = "refund"
)

// IDList names ids, the first of many.
func IDList(ids []uint64) string {
	names := make([]string, 0, MostIDs)
	for _, id := range ids[:min(len(ids), MostIDs)] {
		names = append(names, strconv.FormatUint(id, 10))
	}
	text := strings.Join(names, ", ")
	if more := len(ids) - MostIDs; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
