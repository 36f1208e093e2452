package jobs_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/worktest"
)

// relabelled is a gateway that answers with other keys, references or customers than it was charged with: in its list, and by id.
type relabelled struct {
	gateway.Gateway

	list, byID func(*payment.Payment)
}

func (g relabelled) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	page, err := g.Gateway.List(ctx, w, cursor)
	for i := range page.Payments {
		g.list(&page.Payments[i])
	}
	return page, err
}

func (g relabelled) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	s := g.Gateway.Look(ctx, w)
	if s.Payment != nil {
		g.byID(s.Payment)
	}
	return s
}

// A payment of ours whose record is of another charge is found, with both values. What only the list says is not: the record by id is
// believed.
func TestAuditFindsAnotherIdentity(t *testing.T) {
	t.Parallel()
	same := func(*payment.Payment) {}
	for name, c := range map[string]struct {
		change        func(*payment.Payment)
		attempt, sale string
	}{
		"customer":       {func(p *payment.Payment) { p.CustomerID = "somebody" }, "customer_id c here, somebody there", "customer_id c here, somebody there"},
		"no customer":    {func(p *payment.Payment) { p.CustomerID = "" }, "customer_id c here, none there", "customer_id c here, none there"},
		"key":            {func(p *payment.Payment) { p.Key = "other" }, "idempotency_key sub_7_20260131-1 here, other there", "idempotency_key ord_8-1 here, other there"},
		"no key":         {func(p *payment.Payment) { p.Key = "" }, "idempotency_key sub_7_20260131-1 here, none there", "idempotency_key ord_8-1 here, none there"},
		"reference":      {func(p *payment.Payment) { p.Reference = "elsewhere" }, "reference sub_7_20260131 here, elsewhere there", "reference ord_8 here, elsewhere there"},
		"two of them":    {func(p *payment.Payment) { p.Key, p.CustomerID = "k", "d" }, "idempotency_key sub_7_20260131-1 here, k there; customer_id c here, d there", "idempotency_key ord_8-1 here, k there; customer_id c here, d there"},
		"of the list":    {same, "", ""},
		"booked by hand": {func(p *payment.Payment) { p.Key, p.CustomerID = "k", "d" }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuditor(t)
			first := a.there(kept{Key: "sub_7_20260131-1", Reference: "sub_7_20260131"})
			second := a.there(kept{Key: "ord_8-1", Reference: "ord_8"})
			a.charged(7, first)
			a.order(8, kept{Key: "ord_8-1", ID: second})
			a.flush()
			if name == "booked by hand" {
				worktest.Exec(t, a.plain, `INSERT INTO operator_actions (action, subject, who, host, detail) SELECT 'resolve', CONCAT('attempt:', id), 'kim', 'pay-1',
JSON_OBJECT('as', 'paid', 'payment', gateway_payment_id) FROM payment_attempts UNION ALL SELECT 'resolve', CONCAT('order:', order_id), 'kim', 'pay-1',
JSON_OBJECT('as', 'paid', 'payment', transaction_key) FROM payments`)
			}
			worktest.Exec(t, a.plain, `INSERT INTO gateway_accounts (id, gateway, address) VALUES (1, 'main', ?)`, a.url)
			worktest.Exec(t, a.plain, `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id) SELECT 1, gateway_payment_id, 'attempt', id FROM payment_attempts`)
			a.gateway = func(g gateway.Gateway) gateway.Gateway {
				if name == "of the list" {
					return relabelled{g, func(p *payment.Payment) { p.CustomerID = "somebody" }, same}
				}
				return relabelled{g, c.change, c.change}
			}
			result := a.audit(nil)
			if c.attempt == "" {
				require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
				require.Empty(t, a.texts())
				return
			}
			require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
			const found = "status_differs: the payment has another identity: "
			require.ElementsMatch(t, []string{found + c.attempt, found + c.sale}, strings.Split(a.texts(), "\n"))
		})
	}
}

// A second payment that a list alone shows is found as that.
func TestAuditOfASecondPaymentThatIsOnlyListed(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	first := a.there(kept{Key: "ord_8-1", Reference: "ord_8"})
	a.order(8, kept{Key: "ord_8-1", ID: first})
	a.gateway = func(g gateway.Gateway) gateway.Gateway {
		return otherList{g, func(_ string, page *payment.Listing) {
			again := page.Payments[0]
			again.ID += "-bis"
			page.Payments = append(page.Payments, again)
		}}
	}
	require.Equal(t, batch.ExitReview, a.audit(nil).Exit)
	require.Equal(t, "charged_twice: second charge under a paid reference; it is listed, but the gateway does not know it by its id", a.texts())
}
