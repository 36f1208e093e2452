package query_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
)

// What the tables are counted by is what a run does: of every interval, newest invoice and way to catch up, on every day, the rows that
// can be invoiced are those that [billing.DecideIssue] invoices, or leaves to another host.
func TestIssuableIsWhatIsDecided(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	today := worktest.Day(t, "2026-03-29")
	type invoice struct {
		due, issued int // days from today
		status      string
	}
	var newest [][]invoice
	for _, status := range []string{"open", "charging", "review", "paid", "uncollectible", "void"} {
		for _, due := range []int{-40, -2, -1, 1} {
			for _, issued := range []int{-1, 0, 1} {
				newest = append(newest, []invoice{{due, issued, status}})
			}
		}
	}
	newest = append(newest, nil, // one that was reopened behind the newest; ones of a day, of which the last to be inserted is the newest
		[]invoice{{-3, -3, "open"}, {-2, -1, "paid"}},
		[]invoice{{-2, 0, "paid"}, {1, 0, "paid"}},
		[]invoice{{1, 0, "paid"}, {-2, 0, "paid"}})
	type kind struct {
		status, unit, gateway string
		next                  int
	}
	var kinds []kind
	for _, unit := range []string{"day", "week", "month", "year"} {
		for _, next := range []int{-1, 0, 1} {
			kinds = append(kinds, kind{"active", unit, "main", next})
		}
	}
	kinds = append(kinds, kind{"past_due", "day", "main", 0}, kind{"paused", "day", "main", 0}, kind{"cancelled", "day", "main", 0},
		kind{"trialing", "day", "main", 0}, kind{"active", "week", "gone", -1}, kind{"active", "month", "gone", -1})
	day := func(d int) string { return (today + payment.Date(d)).String() }
	n := len(newest) * len(kinds)
	worktest.Enrol(t, plain, n, today.String(), func(i int, s *worktest.Subscription) {
		k := kinds[(i-1)/len(newest)]
		s.Status, s.Unit, s.Gateway, s.Next = k.status, k.unit, k.gateway, day(k.next)
	})
	var invoices [][]any
	for i := range n {
		for _, inv := range newest[i%len(newest)] {
			invoices = append(invoices, []any{i + 1, day(inv.due), 9900, "KRW", inv.status, day(inv.due), day(inv.issued)})
		}
	}
	_, err := mysql.Insert(t.Context(), plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date) VALUES `, invoices, "")
	require.NoError(t, err)
	_, err = plain.ExecContext(t.Context(), `UPDATE subscriptions SET dunning_policy = ELT(CRC32(id) % 4, 'one', 'skip', 'usual')`)
	require.NoError(t, err)
	named := map[string]dunning.Policy{"one": {CatchUp: billing.CatchUpOne}, "skip": {CatchUp: billing.CatchUpSkip}, "usual": {CatchUp: billing.CatchUpDefault}}
	for _, catchUp := range []billing.CatchUp{billing.CatchUpDefault, billing.CatchUpOne, billing.CatchUpSkip, ""} {
		for _, on := range []struct{ business, effective int }{{0, 0}, {-1, 0}, {1, 1}, {0, 1}} {
			t.Run(fmt.Sprintf("%s %+d %+d", catchUp, on.business, on.effective), func(t *testing.T) {
				selection := store.Selection{Business: today + payment.Date(on.business)}
				effective := today + payment.Date(on.effective)
				policy := billing.IssuePolicy{
					Business: selection.Business, Effective: effective, CatchUp: catchUp, KnownGateway: func(name string) bool { return name == "main" },
					Named: named,
				}
				var want, elsewhere, moved []uint64
				for _, status := range []billing.SubscriptionStatus{billing.Active, billing.PastDue, billing.Paused, billing.Cancelled} {
					err := (query.Preview{DB: db, Selection: selection, Size: 500}).Due(t.Context(), status, func(row readers.DueSubscription) bool {
						switch issue := billing.DecideIssue(row.Subscription, row.Newest, row.IsInvoiced, policy); {
						case !issue.Due.IsZero():
							want = append(want, row.ID)
						case issue.Elsewhere:
							want, elsewhere = append(want, row.ID), append(elsewhere, row.ID)
						case !issue.Next.IsZero():
							moved = append(moved, row.ID) // its date is invoiced: no run leaves it there
						}
						return true
					})
					require.NoError(t, err)
				}
				require.NotEmpty(t, want)
				require.NotEmpty(t, elsewhere)
				issuing := query.Issuing{Selection: selection, Effective: effective, CatchUp: catchUp, Named: named}
				rest := make([]uint64, 0, n)
				for id := range uint64(n) {
					if !slices.Contains(moved, id+1) {
						rest = append(rest, id+1)
					}
				}
				got := counted(t, db, issuing, rest)
				slices.Sort(want)
				for _, id := range slices.Concat(got, want) {
					require.Equal(t, slices.Contains(want, id), slices.Contains(got, id), "invoiced, and counted: %+v %+v",
						kinds[(id-1)/uint64(len(newest))], newest[(id-1)%uint64(len(newest))])
				}

				issuing.Selection.Subscriptions = want
				there, err := query.SubscriptionsElsewhere(t.Context(), db, issuing, []string{"main"})
				require.NoError(t, err)
				require.Len(t, there, 1)
				require.EqualValues(t, len(elsewhere), there[0].Count)
				sums, err := query.IssuableSums(t.Context(), db, issuing)
				require.NoError(t, err)
				require.Equal(t, []query.StageSum{{Currency: "KRW", Count: int64(len(want)), Amount: 9900 * int64(len(want))}}, sums)
			})
		}
	}
}

// counted are those of the subscriptions that [query.Issuable] counts.
func counted(t *testing.T, db *mysql.DB, issuing query.Issuing, ids []uint64) []uint64 {
	t.Helper()
	if len(ids) == 0 {
		return nil
	}
	issuing.Selection.Subscriptions = ids
	n, err := query.Issuable(t.Context(), db, issuing)
	require.NoError(t, err)
	switch {
	case n == 0:
		return nil
	case n == int64(len(ids)):
		return ids
	}
	half := len(ids) / 2
	return slices.Concat(counted(t, db, issuing, ids[:half]), counted(t, db, issuing, ids[half:]))
}
