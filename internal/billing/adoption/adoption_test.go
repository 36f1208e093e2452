package adoption_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/adoption"
	"duly/internal/payment"
	"duly/internal/test/golden"
	"duly/internal/test/sample"
)

// adoptCase is one situation in which a charge is adopted; each field names a value of its axis.
type adoptCase struct{ record, differs, invoice, own, other, subscription string }

// The axes of the situations.
var (
	adoptRecords       = []string{"succeeded", "refunded partly", "refunded", "declined soft", "declined hard", "try later", "pending", "canceled"}
	adoptDifferences   = []string{"", "amount", "currency", "customer_id", "reference"}
	adoptInvoices      = []string{"none", "open", "charging", "paid", "uncollectible", "void", "review"}
	adoptOwn           = []string{"none", "released", "rejected", "declined", "in_flight dead", "in_flight", "in_doubt", "succeeded", "succeeded as another", "review"}
	adoptOthers        = []string{"none", "declined", "succeeded", "in_flight", "review"}
	adoptSubscriptions = []string{"active", "past_due", "paused", "cancelled", "gone"}
)

func (c adoptCase) String() string {
	return fmt.Sprintf("%s %s, invoice %s, attempt under the key %s, other %s, subscription %s", c.record, c.differs, c.invoice, c.own, c.other, c.subscription)
}

// possible leaves out attempts without an invoice, and what differs for every status of a subscription that is there.
func (c adoptCase) possible() bool {
	if c.differs != "" && c.subscription != "active" && c.subscription != "gone" {
		return false
	}
	return c.invoice != "none" || c.own == "none" && c.other == "none"
}

func (c adoptCase) unadopted() adoption.Unadopted {
	u := adoption.Unadopted{
		Gateway: "main", Terms: billing.Terms{Account: 3}, Charge: billing.ChargeID{Subscription: 42, Due: sample.Day("2026-01-31"), N: 1},
		Record: payment.Payment{
			ID: "pay_1", Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "cus_7",
			Money: payment.Money{Amount: 12900, Currency: "KRW"}, CreatedAt: sample.Noon.Add(-1),
		},
	}
	r := &u.Record
	switch c.record {
	case "succeeded":
		r.Status = payment.Succeeded
	case "refunded partly":
		r.Status, r.Refunded = payment.Succeeded, 2900
	case "refunded":
		r.Status, r.Refunded = payment.Succeeded, 12900
	case "declined soft":
		r.Status, r.Decline = payment.Declined, payment.Decline{Class: payment.Soft, Code: "insufficient_funds"}
	case "declined hard":
		r.Status, r.Decline = payment.Declined, payment.Decline{Class: payment.Hard, Code: "stolen_card"}
	case "try later":
		r.Status, r.Decline = payment.Declined, payment.Decline{Code: "processing_error"}
	default:
		r.Status = payment.Status(c.record)
	}
	switch c.differs {
	case "amount":
		u.Record.Money.Amount, u.Record.Refunded = 9900, min(u.Record.Refunded, 9900)
	case "currency":
		u.Record.Money.Currency = "JPY"
	case "customer_id":
		u.Record.CustomerID = "cus_8"
	case "reference":
		u.Record.Reference = "sub_42_20260228"
	}
	if c.subscription != "gone" {
		s := sample.Subscription()
		s.Status = billing.SubscriptionStatus(c.subscription)
		u.Period.Subscription = &s
	}
	if c.invoice == "none" {
		return u
	}
	u.Period.Invoice = &adoption.PeriodInvoice{Invoice: sample.Invoice(), Status: billing.InvoiceStatus(c.invoice)}
	if c.own != "none" {
		status, _, _ := strings.Cut(c.own, " ")
		own := adoption.PeriodAttempt{Attempt: sample.Attempt(), Status: billing.AttemptStatus(status), RunLives: c.own == "in_flight", Run: 17}
		switch c.own {
		case "succeeded":
			own.PaymentID = "pay_1"
		case "succeeded as another":
			own.PaymentID = "pay_0"
		}
		u.Period.Attempts = append(u.Period.Attempts, own)
	}
	if c.other != "none" {
		other := adoption.PeriodAttempt{Attempt: sample.Attempt(), Status: billing.AttemptStatus(c.other)}
		other.ID, other.No, other.Charge.Key, other.PaymentID = 6, 2, "sub_42_20260131-2", "pay_2"
		u.Period.Attempts = append(u.Period.Attempts, other)
	}
	return u
}

func everyAdoptCase(do func(c adoptCase)) {
	for _, record := range adoptRecords {
		for _, differs := range adoptDifferences {
			for _, inv := range adoptInvoices {
				for _, own := range adoptOwn {
					for _, other := range adoptOthers {
						for _, sub := range adoptSubscriptions {
							if c := (adoptCase{record, differs, inv, own, other, sub}); c.possible() {
								do(c)
							}
						}
					}
				}
			}
		}
	}
}

func adopted(u adoption.Unadopted) (adoption.Adoption, error) {
	return adoption.Decide(u, sample.Policy(), sample.Day("2026-01-31"), sample.Noon)
}

// under finds the attempt under the charge's key.
func under(p adoption.Period, key string) *adoption.PeriodAttempt {
	for i := range p.Attempts {
		if p.Attempts[i].Charge.Key == key {
			return &p.Attempts[i]
		}
	}
	return nil
}

// kept reports whether the gateway has money for p, or may yet get some.
func keeps(p payment.Payment) bool {
	return p.Status == payment.Pending || p.Status == payment.Succeeded && p.Refunded < p.Money.Amount
}

// TestAdoptGolden pins what becomes of a charge that nothing here accounts for, where only record, invoice and the
// attempt under its key vary.
func TestAdoptGolden(t *testing.T) {
	var text strings.Builder
	for _, record := range adoptRecords {
		for _, inv := range adoptInvoices {
			for _, own := range adoptOwn {
				c := adoptCase{record, "", inv, own, "none", "active"}
				if !c.possible() {
					continue
				}
				fmt.Fprintf(&text, "%s, invoice %s, attempt %s: ", record, inv, own)
				writeAdoption(&text, c.unadopted())
			}
		}
	}
	golden.Equal(t, "adopt.golden", text.String())
}

// TestAdoptGoldenDifferences pins what becomes of a charge that is not as duly makes it, and of one beside another attempt.
func TestAdoptGoldenDifferences(t *testing.T) {
	var text strings.Builder
	for _, record := range adoptRecords {
		for _, inv := range adoptInvoices {
			for _, c := range []adoptCase{
				{record, "amount", inv, "none", "none", "active"},
				{record, "currency", inv, "none", "none", "active"},
				{record, "customer_id", inv, "none", "none", "active"},
				{record, "reference", inv, "none", "none", "active"},
				{record, "", inv, "none", "none", "gone"},
				{record, "", inv, "none", "none", "past_due"},
				{record, "", inv, "none", "declined", "active"},
				{record, "", inv, "none", "succeeded", "active"},
				{record, "", inv, "none", "in_flight", "active"},
				{record, "", inv, "none", "review", "active"},
			} {
				if !c.possible() {
					continue
				}
				fmt.Fprintf(&text, "%s: ", c)
				writeAdoption(&text, c.unadopted())
			}
		}
	}
	golden.Equal(t, "adopt_differs.golden", text.String())
}

func writeAdoption(text *strings.Builder, u adoption.Unadopted) {
	a, err := adopted(u)
	if err != nil {
		fmt.Fprintln(text, "refused:", err)
		return
	}
	fmt.Fprintf(text, "%s: %s\n    ", a.As, a.Detail)
	after := u.Period.After(a)
	if after.Invoice != nil {
		fmt.Fprintf(text, "invoice %s", after.Invoice.Status)
	}
	if own := under(after, u.Record.Key); own != nil && a.Attempt != nil {
		fmt.Fprintf(text, ", attempt %s as %q", own.Status, own.PaymentID)
	}
	fmt.Fprintf(text, ", events %v, charged twice %v\n", sample.EventTypes(a.Events()), a.ChargedTwice)
}

// TestAdopt holds, in every situation, what nobody may lose money by.
func TestAdopt(t *testing.T) {
	everyAdoptCase(func(c adoptCase) {
		u := c.unadopted()
		a, err := adopted(u)
		if c.own == "in_flight" {
			require.ErrorContains(t, err, "run 17", c)
			return
		}
		require.NoError(t, err, c)
		require.NotEmpty(t, a.Detail, c)
		before, after := u.Period, u.Period.After(a)
		adoptLeavesNothingToCharge(t, c, u, a, after)
		adoptPaysOnce(t, c, u, a, after)
		adoptKeepsWhatIsEnded(t, c, before, after)
		if a.As == adoption.Known {
			require.Nil(t, a.Attempt, c)
		}
	})
}

// adoptLeavesNothingToCharge: nothing charges a period again for which the gateway has money, and no later attempt is
// given the number of the charge.
func adoptLeavesNothingToCharge(t *testing.T, c adoptCase, u adoption.Unadopted, a adoption.Adoption, after adoption.Period) {
	t.Helper()
	own := under(after, u.Record.Key)
	if a.As != adoption.Known && after.Invoice != nil {
		require.NotNil(t, own, "%s: its number is not passed over", c)
		require.NotEqual(t, billing.AttemptReleased, own.Status, c)
	}
	if after.Subscription == nil || after.Invoice == nil || after.Invoice.Status != billing.Open {
		return
	}
	var past []billing.PastAttempt
	for _, x := range after.Attempts {
		past = append(past, billing.PastAttempt{ID: x.ID, No: x.No, Key: x.Charge.Key, Status: x.Status, Gateway: "main", Proof: billing.ProofLookUp})
	}
	claim := billing.DecideClaim(after.Invoice.Invoice, *after.Subscription, past, sample.Policy(), sample.Day("2026-03-31"), sample.Known)
	if claim.Action == billing.Charge {
		require.NotEqual(t, u.Record.Key, claim.Key, c)
		require.False(t, keeps(u.Record), "%s: charged again", c)
	}
}

// adoptPaysOnce: an invoice is paid by one attempt, and only by a charge that is ours in every field.
func adoptPaysOnce(t *testing.T, c adoptCase, u adoption.Unadopted, a adoption.Adoption, after adoption.Period) {
	t.Helper()
	succeeded := 0
	for _, x := range after.Attempts {
		if x.Status == billing.AttemptSucceeded {
			succeeded++
		}
	}
	if c.own != "succeeded" && c.own != "succeeded as another" || c.other != "succeeded" {
		require.LessOrEqual(t, succeeded, 1, c)
	}
	switch a.As {
	case adoption.Paid:
		require.Equal(t, "succeeded", c.record, c)
		require.Empty(t, c.differs, c)
		require.Equal(t, billing.Paid, after.Invoice.Status, c)
		require.Contains(t, []string{"none", "declined"}, c.other, c)
		require.Equal(t, u.Record.ID, under(after, u.Record.Key).PaymentID, c)
		require.Equal(t, billing.ProofLookUp, a.Settlement.Proof, c)
	case adoption.Declined, adoption.Refunded:
		require.False(t, keeps(u.Record), c)
		require.Equal(t, billing.ProofLookUp, a.Settlement.Proof, c)
	case adoption.Orphan:
		require.True(t, keeps(u.Record), c)
	case adoption.Review, adoption.InDoubt, adoption.Known:
	}
	if own := under(after, u.Record.Key); own != nil && own.PaymentID == u.Record.ID && c.own != "succeeded" &&
		(c.subscription != "gone" || c.differs != "customer_id") { // whose it was nobody knows then
		require.NotContains(t, []string{"customer_id", "reference"}, c.differs, "%s: an id that is not proven ours is stored", c)
	}
}

// adoptKeepsWhatIsEnded: what was paid or closed stays so, and so does what the customer ended.
func adoptKeepsWhatIsEnded(t *testing.T, c adoptCase, before, after adoption.Period) {
	t.Helper()
	if before.Invoice != nil {
		switch before.Invoice.Status {
		case billing.Paid, billing.Void:
			require.Equal(t, before.Invoice.Status, after.Invoice.Status, c)
		case billing.Uncollectible:
			require.Contains(t, []billing.InvoiceStatus{billing.Paid, billing.Uncollectible}, after.Invoice.Status, c)
		case billing.Review:
			require.Contains(t, []billing.InvoiceStatus{billing.Paid, billing.Void, billing.Review}, after.Invoice.Status, c)
		case billing.Open, billing.Charging:
		}
	}
	if c.subscription == "paused" || c.subscription == "cancelled" {
		require.Equal(t, before.Subscription.Status, after.Subscription.Status, c)
	}
}

// The date of a subscription's next period changes nothing about one that the gateway has charged.
func TestAdoptWhateverTheNextDate(t *testing.T) {
	for _, record := range adoptRecords {
		for _, inv := range adoptInvoices {
			u := adoptCase{record, "", inv, "none", "none", "active"}.unadopted()
			want, err := adopted(u)
			require.NoError(t, err)
			for _, next := range []string{"2025-12-31", "2026-02-28"} {
				u.Period.Subscription.Next = sample.Day(next)
				got, err := adopted(u)
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		}
	}
}

// The next issue passes over a period that was adopted without an invoice.
func TestIssuePassesOverAnAdoptedPeriod(t *testing.T) {
	u := adoptCase{"succeeded", "", "none", "none", "none", "active"}.unadopted()
	u.Date = sample.Day("2026-01-30")
	a, err := adopted(u)
	require.NoError(t, err)
	require.Equal(t, &adoption.NewInvoice{Money: payment.Money{Amount: 12900, Currency: "KRW"}, Issued: sample.Day("2026-01-31")}, a.NewInvoice)
	after := u.Period.After(a)
	require.Equal(t, billing.Paid, after.Invoice.Status)
	issue := billing.DecideIssue(*after.Subscription, billing.Newest{Exists: true, Status: billing.Paid, Issued: a.NewInvoice.Issued},
		func(d payment.Date) bool { return d == u.Charge.Due }, billing.IssuePolicy{Business: sample.Day("2026-01-31"), Effective: sample.Day("2026-01-31"), KnownGateway: sample.Known})
	require.Zero(t, issue.Due)
	require.Equal(t, sample.Day("2026-02-28"), issue.Next)
}

// The keys of one period are adopted in the order of their numbers: a decline and then the retry that was paid.
func TestAdoptOneAfterTheOther(t *testing.T) {
	u := adoptCase{"declined soft", "", "none", "none", "none", "active"}.unadopted()
	first, err := adopted(u)
	require.NoError(t, err)
	require.Equal(t, adoption.Declined, first.As)
	require.Equal(t, billing.PastDue, first.Settlement.SubscriptionTo)

	u.Period = u.Period.After(first)
	u.Charge.N, u.Record.Key, u.Record.Status, u.Record.ID = 2, "sub_42_20260131-2", payment.Succeeded, "pay_2"
	u.Record.Decline = payment.Decline{}
	second, err := adopted(u)
	require.NoError(t, err)
	require.Equal(t, adoption.Paid, second.As)
	require.Equal(t, 2, second.Attempt.No)
	require.Equal(t, 1, second.Attempt.Stage)
	require.Equal(t, billing.Active, second.Settlement.SubscriptionTo)
}

// A number that was declined before the newest one uses no stage a second time.
func TestAdoptOfAnOlderDeclineMovesNothing(t *testing.T) {
	u := adoptCase{"declined soft", "", "open", "none", "declined", "active"}.unadopted()
	a, err := adopted(u)
	require.NoError(t, err)
	require.Equal(t, adoption.Declined, a.As)
	require.False(t, a.Moves)
	require.Empty(t, a.Events())
	require.Equal(t, payment.Soft, a.Settlement.Decline.Class)
}

// A payment that another row has pays nothing.
func TestAdoptOfWhatIsBookedElsewhere(t *testing.T) {
	u := adoptCase{"succeeded", "", "open", "released", "none", "active"}.unadopted()
	u.Booked = "payment 12 of order 3"
	a, err := adopted(u)
	require.NoError(t, err)
	require.Equal(t, adoption.Review, a.As)
	require.Contains(t, a.Detail, "payment 12 of order 3")
	require.Equal(t, billing.Review, u.Period.After(a).Invoice.Status)
	u.Booked = "attempt 5"
	a, err = adopted(u)
	require.NoError(t, err)
	require.Equal(t, adoption.Paid, a.As)
}

// A subscription that is free by now was charged: an operator decides, and what was taken is recorded.
func TestAdoptForNothing(t *testing.T) {
	u := adoptCase{"succeeded", "", "none", "none", "none", "active"}.unadopted()
	u.Period.Subscription.Money.Amount = 0
	a, err := adopted(u)
	require.NoError(t, err)
	require.Equal(t, adoption.Review, a.As)
	require.Equal(t, "payment pay_1 is 12,900 KRW, the invoice is 0 KRW", a.Detail)
	require.Equal(t, int64(12900), a.Attempt.Charge.Money.Amount)
	require.Zero(t, a.NewInvoice.Money.Amount)
}

// An attempt that is made for a charge has the second identifier that the record shows, which may be older than the subscription's, and where
// it shows none the subscription's.
func TestAdoptedAttemptsHaveTheSecondIdentifierThatWasCharged(t *testing.T) {
	for _, c := range []struct {
		shown, now, want string
		version          int
	}{{"", "", "", 1}, {"cus_old", "", "cus_old", 2}, {"", "cus_new", "cus_new", 2}, {"cus_old", "cus_new", "cus_old", 2}} {
		for _, own := range []string{"none", "released"} {
			u := adoptCase{record: "succeeded", invoice: "open", own: own, other: "none", subscription: "active"}.unadopted()
			u.Record.GatewayCustomer, u.Period.Subscription.GatewayCustomer = c.shown, c.now
			got, err := adopted(u)
			require.NoError(t, err)
			require.Equal(t, adoption.Paid, got.As, "%+v", c)
			require.Equal(t, c.want, got.Attempt.Charge.GatewayCustomer, "%+v", c)
			require.Equal(t, c.version, got.Attempt.Charge.BodyVersion, "%+v", c)
		}
	}
}

// An attempt that was sent keeps what it was begun with: a payment taken from another customer of the gateway is not its own.
func TestAChargeOfAnotherGatewayCustomerIsNotAdopted(t *testing.T) {
	u := adoptCase{record: "succeeded", invoice: "charging", own: "in_doubt", other: "none", subscription: "active"}.unadopted()
	u.Period.Attempts[0].Charge.GatewayCustomer = "cus_1"
	u.Record.GatewayCustomer = "cus_2"
	got, err := adopted(u)
	require.NoError(t, err)
	require.Equal(t, adoption.Review, got.As)
	require.Contains(t, got.Detail, "gateway_customer")
}
