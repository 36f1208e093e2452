package steps_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/steps"
)

// mixer is a gateway that takes money as it should, and gives somebody else's record for an answer at times: to charges, to
// look-ups by key and by id, and to those of controls.
type mixer struct {
	gateway.Gateway // nil: what nobody asks for

	t      *rapid.T
	now    time.Time
	ledger []payment.Payment
	late   []payment.Charge // requests that are still on their way
	lateBy []time.Time      // when they arrive
}

func (m *mixer) Capabilities() gateway.Capabilities {
	return gateway.Capabilities{KeyLife: keyLife, LongestRequest: longest, Timeout: timeout, FindByKey: true, LookupOutlivesKey: true}
}

func (m *mixer) Close() {}

// by is the newest record that fits.
func (m *mixer) by(fits func(payment.Payment) bool) *payment.Payment {
	for _, p := range slices.Backward(m.ledger) {
		if fits(p) {
			return &p
		}
	}
	return nil
}

// mixed is p, or somebody else's record.
func (m *mixer) mixed(p *payment.Payment) *payment.Payment {
	if rapid.IntRange(0, 3).Draw(m.t, "mix up") > 0 {
		return p
	}
	other := rapid.SampledFrom(m.ledger).Draw(m.t, "record")
	return &other
}

// execute does what a request that arrives does: a key that is remembered is not charged again.
func (m *mixer) execute(c payment.Charge) *payment.Payment {
	if p := m.by(func(p payment.Payment) bool { return p.Key == c.Key && m.now.Sub(p.CreatedAt) < keyLife }); p != nil {
		return p
	}
	p := payment.Payment{
		ID: fmt.Sprintf("pay_%d", len(m.ledger)+1), Status: rapid.SampledFrom([]payment.Status{payment.Succeeded, payment.Declined}).Draw(m.t, "end"),
		Key: c.Key, Reference: c.Reference, CustomerID: c.CustomerID, Money: c.Money, CreatedAt: m.now,
	}
	if p.Status == payment.Declined {
		p.Decline = payment.Decline{Class: payment.Soft, Code: "limit"}
	}
	m.ledger = append(m.ledger, p)
	return &p
}

func (m *mixer) Charge(_ context.Context, c payment.Charge) payment.Outcome {
	switch rapid.SampledFrom([]string{"answer", "lost", "late", "never", "400", "400 for nothing"}).Draw(m.t, "request") {
	case "lost":
		m.execute(c)
	case "late":
		m.late = append(m.late, c)
		m.lateBy = append(m.lateBy, m.now.Add(time.Duration(rapid.IntRange(1, int(longest/time.Second)).Draw(m.t, "seconds"))*time.Second))
	case "never":
	case "400":
		m.execute(c)
		return payment.Outcome{Kind: payment.Rejected, Reason: "400"}
	case "400 for nothing":
		return payment.Outcome{Kind: payment.Rejected, Reason: "400"}
	default:
		return payment.Judge(c, *m.mixed(m.execute(c)))
	}
	return payment.Outcome{Reason: "timeout"}
}

func (m *mixer) Look(_ context.Context, w payment.Ref) payment.LookupResult {
	p := m.by(func(p payment.Payment) bool { return w.ID != "" && p.ID == w.ID || w.ID == "" && p.Key == w.Key })
	if p = m.mixed(p); p == nil {
		return payment.LookupResult{Absent: true}
	}
	return payment.LookupResult{Payment: p}
}

func (m *mixer) Find(ctx context.Context, c payment.Charge, _ string) gateway.Finding {
	s := m.Look(ctx, payment.Ref{Key: c.Key})
	if s.Payment == nil {
		return gateway.Finding{Absent: true}
	}
	return gateway.Finding{Outcome: payment.Judge(c, *s.Payment)}
}

// pass lets time go by, and what is on its way arrive.
func (m *mixer) pass(d time.Duration) {
	end := m.now.Add(d)
	for i, at := range m.lateBy {
		if !at.After(end) && m.late[i].Key != "" {
			m.now = at
			m.execute(m.late[i])
			m.late[i].Key = ""
		}
	}
	m.now = end
}

func (m *mixer) took(key string) bool {
	return m.by(func(p payment.Payment) bool { return p.Key == key && p.Status == payment.Succeeded }) != nil
}

// mixedInvoice is an invoice with its attempts, as the tables have them.
type mixedInvoice struct {
	m      *mixer
	paced  *gateway.Limited
	inv    billing.Invoice
	status billing.InvoiceStatus
	rows   []billing.Reviewed
}

func (v *mixedInvoice) past() []billing.PastAttempt {
	var out []billing.PastAttempt
	for _, r := range v.rows {
		out = append(out, billing.PastAttempt{ID: r.ID, No: r.No, Key: r.Charge.Key, Status: r.Status, Gateway: "main", Method: "pm", Account: 1, Proof: r.Proof})
	}
	return out
}

func (v *mixedInvoice) run() {
	if v.status != billing.Open {
		return
	}
	s := billing.Subscription{ID: v.inv.SubscriptionID, CustomerID: fmt.Sprintf("cus_%d", v.inv.SubscriptionID), Status: billing.Active, Gateway: "main", Method: "pm"}
	claim := billing.DecideClaim(v.inv, s, v.past(), billing.Policy{RetryDays: []int{1, 2, 3, 4, 5, 6, 7, 8}}, 0, func(string) bool { return true })
	if claim.Action != billing.Charge {
		v.status = billing.Review
		return
	}
	if claim.Reuse == 0 {
		for _, r := range v.rows {
			require.NotEmpty(v.m.t, r.Proof, "the number moved past %s without a proof", r.Charge.Key)
			require.False(v.m.t, v.m.took(r.Charge.Key), "the number moved past %s, which took the money", r.Charge.Key)
		}
		v.rows = append(v.rows, billing.Reviewed{})
	}
	at := len(v.rows) - 1
	if claim.Reuse != 0 {
		at = slices.IndexFunc(v.rows, func(r billing.Reviewed) bool { return r.ID == claim.Reuse })
	}
	v.rows[at] = billing.Reviewed{Status: billing.AttemptInFlight, Attempt: billing.Attempt{
		ID: uint64(at + 1), No: claim.No, Gateway: "main", CreatedAt: v.m.now, Invoice: v.inv,
		Terms: billing.Terms{Account: 1, KeyLife: keyLife, Longest: longest},
		Charge: payment.Charge{
			Key: claim.Key, Reference: billing.Reference(v.inv.SubscriptionID, v.inv.Due), CustomerID: s.CustomerID, Method: "pm", Money: v.inv.Money,
		},
	}}
	o, doubted := v.paced.Charge(v.m.t.Context(), v.rows[at].Charge, false)
	v.rows[at].Doubted = doubted
	v.settle(at, billing.Answer{Outcome: o})
}

func (v *mixedInvoice) settle(at int, ans billing.Answer) {
	r := &v.rows[at]
	got := billing.Settle(r.Attempt, ans, billing.Active, billing.Policy{RetryDays: []int{1, 2, 3, 4, 5, 6, 7, 8}}, 0, v.m.now)
	r.Status, r.Doubted, r.PaymentID, r.SentBy, r.Proof, r.Checks = got.Attempt, got.Doubted, got.PaymentID, got.SentBy, got.Proof, got.Checks
	if got.Attempt != billing.AttemptInDoubt {
		r.SettledAt = v.m.now
	}
	v.status = got.Invoice
}

func (v *mixedInvoice) recover() {
	for i, r := range v.rows {
		if r.Status != billing.AttemptInDoubt {
			continue
		}
		if f := v.paced.Find(v.m.t.Context(), r.Charge, r.PaymentID); !f.Absent && f.Outcome.Kind != payment.InDoubt {
			v.settle(i, billing.Answer{Outcome: f.Outcome, Found: true})
		}
	}
}

// resolve is an operator who believes that nothing was taken. What he says where the gateway cannot say is true when he
// says it.
func (v *mixedInvoice) resolve(counts bool) {
	for i, r := range v.rows {
		clock := func() time.Time { return v.m.now }
		var controls payment.Controls
		if rapid.Bool().Draw(v.m.t, "controls") {
			for _, p := range v.m.ledger[:2] {
				c := payment.Control{Key: p.Key, Reference: p.Reference, CustomerID: p.CustomerID, Money: p.Money, PaymentID: p.ID, At: p.CreatedAt, Own: true}
				controls.Earlier, controls.Later = append(controls.Earlier, c), append(controls.Later, c)
			}
		}
		e := steps.Inquire(v.m.t.Context(), v.paced, steps.Inquiry{
			Charge: r.Charge, StoredID: r.PaymentID, Created: r.CreatedAt, Controls: controls,
		}, &steps.Controls{Now: clock}, clock)
		w := billing.Word{As: payment.AsNotExecuted, Reason: "so he says", Counts: counts && !v.m.took(r.Charge.Key), GiveUpAfter: time.Hour}
		r.InvoiceStatus = v.status
		got, err := billing.Resolve(r, w, e, billing.Guarantees{KeyLife: keyLife, Longest: longest, LookupOutlivesKey: true})
		if err != nil {
			continue
		}
		require.False(v.m.t, v.m.took(r.Charge.Key), "%s took the money, and is resolved as %s by %s", r.Charge.Key, got.Attempt, got.Proof)
		v.rows[i].Status, v.rows[i].Proof, v.rows[i].PaymentID, v.rows[i].Doubted = got.Attempt, got.Proof, got.PaymentID, false
		if v.rows[i].SettledAt.IsZero() {
			v.rows[i].SettledAt = v.m.now
		}
		if got.Invoice != "" {
			v.status = got.Invoice
		}
	}
}

func (v *mixedInvoice) requeue() {
	if v.status == billing.Review && billing.Requeue(v.inv.ID, v.status, v.past()) == nil {
		v.status = billing.Open
	}
}

// Whatever a gateway mixes up and whatever is typed, nobody is charged twice, no key follows one that nothing proves, and
// no payment of somebody else is kept as ours.
func TestAGatewayThatMixesUpAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &mixer{t: t, now: time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC)}
		for i := range 2 {
			c := payment.Charge{Key: fmt.Sprintf("early-%d", i), Reference: "early", CustomerID: "cus_0", Money: payment.Money{Amount: 100, Currency: "KRW"}}
			m.ledger = append(m.ledger, payment.Payment{ID: c.Key, Status: payment.Succeeded, Key: c.Key, Reference: c.Reference, CustomerID: c.CustomerID, Money: c.Money, CreatedAt: m.now.Add(-time.Hour)})
		}
		paced := gateway.Limit("main", m, gateway.Limits{Tries: 1, Now: time.Now})
		defer paced.Close()
		var all []*mixedInvoice
		for id := range uint64(2) {
			all = append(all, &mixedInvoice{m: m, paced: paced, status: billing.Open, inv: billing.Invoice{
				ID: id + 1, SubscriptionID: id + 1, Due: payment.NewDate(2026, time.January, 31), Money: payment.Money{Amount: 9900, Currency: "KRW"},
			}})
		}
		for range rapid.IntRange(1, 25).Draw(t, "moves") {
			v := rapid.SampledFrom(all).Draw(t, "invoice")
			switch rapid.SampledFrom([]string{"run", "run", "recover", "resolve", "word", "requeue", "minutes", "days"}).Draw(t, "move") {
			case "run":
				v.run()
			case "recover":
				v.recover()
			case "resolve":
				v.resolve(false)
			case "word":
				v.resolve(true)
			case "requeue":
				v.requeue()
			case "minutes":
				m.pass(time.Duration(rapid.IntRange(1, 180).Draw(t, "seconds")) * time.Second)
			case "days":
				m.pass(26 * time.Hour)
			}
			for _, v := range all {
				took := 0
				for _, p := range m.ledger {
					if p.Status == payment.Succeeded && p.Reference == billing.Reference(v.inv.SubscriptionID, v.inv.Due) {
						took++
					}
				}
				require.LessOrEqual(t, took, 1, "charged twice")
				for _, r := range v.rows {
					if r.PaymentID != "" {
						p := m.by(func(p payment.Payment) bool { return p.ID == r.PaymentID })
						require.Equal(t, r.Charge.Key, p.Key, "somebody else's payment is kept as ours")
					}
				}
			}
		}
	})
}
