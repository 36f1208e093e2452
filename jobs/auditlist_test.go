package jobs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/jobs"
)

// otherList is a gateway whose list is changed on its way.
type otherList struct {
	gateway.Gateway

	change func(cursor string, page *payment.Listing)
}

func (o otherList) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	page, err := o.Gateway.List(ctx, w, "")
	o.change(cursor, &page)
	return page, err
}

// A list without an end ends the audit all the same, and what it did not show is not taken for audited.
func TestAuditOfAListWithoutAnEnd(t *testing.T) {
	t.Parallel()
	few := jobs.AuditBounds{Pages: 30, Still: 10, Time: time.Hour}

	for name, c := range map[string]struct {
		change func(cursor string, page *payment.Listing)
		bounds jobs.AuditBounds
		why    string
	}{
		"A, B, A": {
			change: func(cursor string, page *payment.Listing) {
				page.Cursor = map[string]string{"": "A", "A": "B", "B": "A"}[cursor]
			},
			why: "has a cursor that came before",
		},
		"a long way to a circle": {
			change: func(cursor string, page *payment.Listing) {
				n := 0
				_, _ = fmt.Sscanf(cursor, "%d", &n)
				if n++; n > 40 {
					n = 20
				}
				page.Cursor = fmt.Sprint(n)
			},
			why: "has a cursor that came before",
		},
		"ever new, with the same payments": {
			change: func(cursor string, page *payment.Listing) { page.Cursor = cursor + "x" },
			bounds: few, why: "10 pages in a row brought no payment of another time",
		},
		"ever new, without any": {
			change: func(cursor string, page *payment.Listing) { *page = payment.Listing{Cursor: cursor + "x"} },
			bounds: few, why: "10 pages in a row brought no payment of another time",
		},
		"ever new, with ever later payments": {
			change: func(cursor string, page *payment.Listing) {
				page.Cursor = cursor + "x"
				for i := range page.Payments {
					page.Payments[i].CreatedAt = page.Payments[i].CreatedAt.Add(time.Duration(len(cursor)) * time.Second)
				}
			},
			bounds: few, why: "more than 30 pages; a part of the time has fewer: --from and --to",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuditor(t)
			a.both(1, kept{})
			a.gateway = func(g gateway.Gateway) gateway.Gateway { return otherList{g, c.change} }
			result := a.audit(func(o *jobs.AuditOptions) { o.Bounds = c.bounds })
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.Contains(t, strings.Join(result.Left, "\n"), "gateway main lists without end: ")
			require.Contains(t, strings.Join(result.Left, "\n"), c.why)
			require.Empty(t, a.audited())
			require.Empty(t, a.found())

			a.gateway = nil
			require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
			require.NotEmpty(t, a.audited())
		})
	}
}

// A payment that a look-up finds and a complete list lacks is a finding: the list may lack others.
func TestAuditOfAListWithHoles(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.both(1, kept{})
	a.both(2, kept{})
	a.both(3, kept{At: a.latest().Add(-2 * time.Minute)})
	lag := time.Hour
	a.gateway = func(g gateway.Gateway) gateway.Gateway {
		return abilities{otherList{g, func(_ string, page *payment.Listing) {
			page.Payments = slices.DeleteFunc(page.Payments, func(p payment.Payment) bool { return p.Key != "ord_1-1" })
		}}, func(able *gateway.Capabilities) { able.ListLag = lag }}
	}
	result := a.audit(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, []string{"not_listed ord_2 pay_0000000002"}, trimmed(a.found()), "the third is too new for the list")

	lag = 0
	require.Equal(t, batch.ExitReview, a.audit(nil).Exit)
	require.Equal(t, []string{"not_listed ord_2 pay_0000000002", "not_listed ord_3 pay_0000000003"}, trimmed(a.found()))
}
