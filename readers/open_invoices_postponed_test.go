package readers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
)

// narrow is a gateway, other, of which at most three rows may be claimed at once.
const narrow = 3

// drain reads a stage until nothing is left, as a step would that is done with its items whenever a claim brought
// none. Before each claim of postponed rows, before is called.
func drain(ctx context.Context, t *testing.T, r batch.Reader[billing.Claimed], limit int, before func()) []billing.Claimed {
	t.Helper()
	var all []billing.Claimed
	open := map[string]int{}
	want := batch.ClaimRequest{Limit: limit, Skip: func(string) bool { return false }, Room: func(lane string) int {
		if lane == "other" {
			return narrow - open[lane]
		}
		return limit
	}}
	for reads := 0; ; reads++ {
		require.Less(t, reads, 1000, "it does not end")
		page, err := r.Read(ctx, want)
		require.NoError(t, err)
		for _, item := range page.Items {
			open[item.Gateway]++
		}
		require.LessOrEqual(t, open["other"], narrow)
		all = append(all, page.Items...)
		switch {
		case page.Done && len(page.Postponed) == 0:
			return all
		case len(page.Postponed) > 0 && (page.Done || !want.Postponed):
			require.Equal(t, []string{"other"}, page.Postponed)
			want.Postponed = true
			clear(open)
			before()
		default:
			want.Postponed = false
		}
	}
}

// mixed is a shop of 40 whose every second row is of the gateway other.
func mixed(t *testing.T) *testdb.DB {
	t.Helper()
	return shop(t, 40, func(i int, s *worktest.Subscription) {
		if i%2 == 0 {
			s.Gateway = "other"
		}
	})
}

func TestRowsOfAFullLaneAreClaimedLater(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 7, 100} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			plain := mixed(t)
			db := worktest.Open(t, plain.DSN)
			result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				items := drain(ctx, t, stage(t, db), limit, func() {})
				require.Equal(t, upTo(40), slices.Sorted(slices.Values(invoices(items))))
				narrowed := slices.DeleteFunc(slices.Clone(items), func(item billing.Claimed) bool { return item.Gateway == "main" })
				require.True(t, slices.IsSorted(invoices(narrowed)), "in the order of the walk")
				return nil
			})
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, 40, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts`))
		})
	}
}

// Whatever happens to a row between the walk that met it and the claim of it, it is not passed over.
func TestPostponedRowsThatChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, change string
		row, claimed int
		left         []string
	}{
		{"to another gateway", `UPDATE subscriptions SET gateway = 'main' WHERE id >= 20`, 40, 40, nil},
		{"cancelled", `UPDATE subscriptions SET status = 'cancelled' WHERE id = 40`, 40, 39, nil},
		{"paid by hand", `UPDATE invoices SET status = 'paid' WHERE id = 40`, 40, 39, nil},
		{"a row that fails", `CREATE TRIGGER t BEFORE INSERT ON payment_attempts FOR EACH ROW
IF NEW.subscription_id = 40 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not him'; END IF`, 40, 39, nil},
		{"its subscription is gone", `DELETE FROM subscriptions WHERE id = 40`, 40, 39, nil},
		{"to no gateway", `UPDATE subscriptions SET gateway = '' WHERE id = 40`, 40, 39, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := mixed(t)
			db := worktest.Open(t, plain.DSN)
			worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
				changed := false
				items := drain(ctx, t, stage(t, db), 100, func() {
					if !changed {
						worktest.Exec(t, plain, c.change)
						changed = true
					}
				})
				require.True(t, changed)
				require.Len(t, items, c.claimed)
				return nil
			})
			require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM invoices WHERE status = 'open'`))
		})
	}
}

func TestPostponedRowsThatAreLockedAreMetAgain(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{
		"invoices":      `UPDATE invoices SET updated_at = UTC_TIMESTAMP(6) WHERE id >= 37`,
		"subscriptions": `UPDATE subscriptions SET description = 'new' WHERE id >= 37`,
	} {
		t.Run(name, func(t *testing.T) {
			plain := mixed(t)
			db := worktest.Open(t, plain.DSN)
			result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				var holder interface{ Commit() error }
				inVain := 0
				items := drain(ctx, t, &watched{OpenInvoices: stage(t, db), after: func(page batch.Claim[billing.Claimed], want batch.ClaimRequest) {
					if want.Postponed && len(page.Items) == 0 {
						require.NoError(t, holder.Commit())
						inVain++
					}
				}}, 100, func() {
					if holder == nil {
						holder = begin(t, plain, lock)
					}
				})
				require.Equal(t, 1, inVain)
				require.Equal(t, upTo(40), slices.Sorted(slices.Values(invoices(items))))
				return nil
			})
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		})
	}
}

// watched calls a hook after each claim.
type watched struct {
	*readers.OpenInvoices

	after func(page batch.Claim[billing.Claimed], want batch.ClaimRequest)
}

func (w *watched) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[billing.Claimed], error) {
	page, err := w.OpenInvoices.Read(ctx, want)
	w.after(page, want)
	return page, err
}

func TestPostponedRowsOfALaneThatIsSkippedAreLeft(t *testing.T) {
	t.Parallel()
	plain := mixed(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		r := stage(t, db)
		skipped := false
		want := batch.ClaimRequest{Limit: 100, Skip: func(lane string) bool { return skipped && lane == "other" }, Room: func(lane string) int {
			return map[string]int{"main": 100}[lane]
		}}
		for {
			page, err := r.Read(ctx, want)
			require.NoError(t, err)
			if page.Done {
				require.Equal(t, []string{"other"}, page.Postponed)
				break
			}
		}
		skipped, want.Postponed = true, true
		page, err := r.Read(ctx, want)
		require.NoError(t, err)
		require.True(t, page.Done)
		require.Empty(t, page.Items)
		require.Empty(t, page.Postponed)
		require.Len(t, readAll(ctx, t, r, 100), 20, "a new walk takes them")
		return nil
	})
}
