package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/payment"
)

// What somebody refunded at the provider is recorded, if nothing else differs.
func TestRefundedThere(t *testing.T) {
	won := payment.Money{Amount: 500, Currency: "KRW"}
	for _, c := range []struct {
		name   string
		change func(o *audit.Ours, p *payment.Payment)
		total  int64
	}{
		{"a part", func(_ *audit.Ours, p *payment.Payment) { p.Refunded = 200 }, 200},
		{"all", func(_ *audit.Ours, p *payment.Payment) { p.Refunded = 500 }, 500},
		{"all, and called cancelled", func(_ *audit.Ours, p *payment.Payment) { p.Refunded, p.Status = 500, payment.Canceled }, 500},
		{"another part", func(o *audit.Ours, p *payment.Payment) { o.Refunded, p.Refunded = 100, 200 }, 200},
		{"nothing", func(*audit.Ours, *payment.Payment) {}, 0},
		{"what is recorded", func(o *audit.Ours, p *payment.Payment) { o.Refunded, p.Refunded = 200, 200 }, 0},
		{"less than is recorded", func(o *audit.Ours, p *payment.Payment) { o.Refunded, p.Refunded = 200, 100 }, 0},
		{"more than was paid", func(_ *audit.Ours, p *payment.Payment) { p.Refunded = 501 }, 0},
		{"another amount", func(_ *audit.Ours, p *payment.Payment) { p.Refunded, p.Money.Amount = 200, 600 }, 0},
		{"another key", func(_ *audit.Ours, p *payment.Payment) { p.Refunded, p.Key = 200, "x" }, 0},
		{"another payment", func(_ *audit.Ours, p *payment.Payment) { p.Refunded, p.ID = 200, "pay_2" }, 0},
		{"declined", func(_ *audit.Ours, p *payment.Payment) { p.Refunded, p.Status = 200, payment.Declined }, 0},
		{"not paid here", func(o *audit.Ours, p *payment.Payment) { p.Refunded, o.Standing = 200, audit.NotPaid }, 0},
	} {
		o := audit.Ours{Standing: audit.Paid, Key: "k", GatewayID: "pay_1", Reference: "r", CustomerID: "c", Money: won}
		p := payment.Payment{ID: "pay_1", Status: payment.Succeeded, Key: "k", Reference: "r", CustomerID: "c", Money: won}
		c.change(&o, &p)
		total, is := audit.Seen{Pair: audit.Pair{Ours: o, Known: true}, Sight: payment.LookupResult{Payment: &p}}.RefundedThere(o)
		require.Equal(t, c.total, total, c.name)
		require.Equal(t, c.total > 0, is, c.name)
	}
}
