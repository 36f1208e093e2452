package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/payment"
)

// An operator's word about a finding is checked by what the gateway and our rows say now, for each kind.
func TestResolveFindings(t *testing.T) {
	sight := func(status payment.Status, refunded int64) payment.LookupResult {
		p := record("pay_1", "k")
		p.Status, p.Refunded = status, refunded
		return payment.LookupResult{Payment: &p}
	}
	whole := record("pay_1", "k").Money.Amount
	kept, back, part := sight(payment.Succeeded, 0), sight(payment.Succeeded, whole), sight(payment.Succeeded, 1)
	declined, canceled, pending := sight(payment.Declined, 0), sight(payment.Canceled, 0), sight(payment.Pending, 0)
	absent, silent, unaskable := payment.LookupResult{Absent: true}, payment.LookupResult{Reason: "timeout"}, payment.LookupResult{Unaskable: true, Reason: "not configured"}
	paid := ours("succeeded", 0)
	paid.GatewayID = "pay_1"
	notPaid := paid
	notPaid.Standing, notPaid.Status = audit.NotPaid, "declined"
	for _, c := range []struct {
		kind  audit.Kind
		as    payment.Resolution
		sight payment.LookupResult
		rows  []audit.Ours
		err   string // empty: believed
	}{
		{audit.ChargedTwice, payment.AsRefunded, back, nil, ""},
		{audit.ChargedTwice, payment.AsRefunded, canceled, nil, ""},
		{audit.ChargedTwice, payment.AsRefunded, kept, nil, "is succeeded, 0 KRW of"},
		{audit.ChargedTwice, payment.AsRefunded, part, nil, "refund all of it first"},
		{audit.ChargedTwice, payment.AsRefunded, pending, nil, "is pending"},
		{audit.ChargedTwice, payment.AsRefunded, declined, nil, "--as not_executed"},
		{audit.ChargedTwice, payment.AsRefunded, absent, nil, "proves nothing"},
		{audit.ChargedTwice, payment.AsRefunded, silent, nil, "could not be asked (timeout): try again"},
		{audit.ChargedTwice, payment.AsRefunded, unaskable, nil, "--as ignored"},
		{audit.ChargedTwice, payment.AsPaid, kept, nil, "give it back, then --as refunded"},
		{audit.ChargedTwice, payment.AsNotExecuted, kept, nil, "give it back, then --as refunded"},
		{audit.ChargedTwice, payment.AsIgnored, silent, nil, ""},
		{audit.UnknownHere, payment.AsRefunded, back, nil, ""},
		{audit.UnknownHere, payment.AsRefunded, kept, nil, "refund all of it first"},
		{audit.UnknownHere, payment.AsPaid, kept, nil, "no row here has payment pay_1"},
		{audit.UnknownHere, payment.AsPaid, kept, []audit.Ours{paid}, ""},
		{audit.UnknownHere, payment.AsPaid, kept, []audit.Ours{notPaid}, "says declined, and the gateway has the money"},
		{audit.UnknownHere, payment.AsPaid, back, []audit.Ours{paid}, "refunded"},
		{audit.UnknownHere, payment.AsNotExecuted, declined, nil, ""},
		{audit.UnknownHere, payment.AsNotExecuted, kept, nil, "is succeeded"},
		{audit.UnknownHere, payment.AsNotExecuted, absent, nil, "proves nothing"},
		{audit.UnknownThere, payment.AsRefunded, absent, []audit.Ours{paid}, "proves nothing"},
		{audit.UnknownThere, payment.AsPaid, absent, []audit.Ours{paid}, "proves nothing"},
		{audit.UnknownThere, payment.AsPaid, kept, []audit.Ours{paid}, ""},
		{audit.UnknownThere, payment.AsNotExecuted, declined, []audit.Ours{paid}, "fix that first"},
		{audit.StatusDiffers, payment.AsPaid, kept, []audit.Ours{paid}, ""},
		{audit.StatusDiffers, payment.AsPaid, kept, []audit.Ours{notPaid}, "says declined"},
		{audit.StatusDiffers, payment.AsNotExecuted, declined, []audit.Ours{notPaid}, ""},
		{audit.BookedTwice, payment.AsPaid, kept, []audit.Ours{paid}, "still has payment pay_1"},
		{audit.BookedTwice, payment.AsPaid, kept, []audit.Ours{notPaid}, ""},
		{audit.BookedTwice, payment.AsRefunded, back, []audit.Ours{paid}, ""},
		{audit.BookedTwice, payment.AsRefunded, kept, []audit.Ours{paid}, "refund all of it first"},
	} {
		f := audit.Finding{Kind: c.kind, GatewayPaymentID: "pay_1", Detail: audit.Detail{Gateway: "main"}}
		err := audit.Resolve(f, c.as, audit.Evidence{Rows: c.rows, Sights: []payment.LookupResult{c.sight}})
		if c.err == "" {
			require.NoError(t, err, "%s as %s", c.kind, c.as)
		} else {
			require.ErrorContains(t, err, c.err, "%s as %s", c.kind, c.as)
		}
	}
	doubled := audit.Finding{Kind: audit.ChargedTwice, Detail: audit.Detail{Gateway: "main"}}
	require.Len(t, audit.Questions(doubled, []audit.Ours{paid, paid}), 2)
	require.ErrorContains(t, audit.Resolve(doubled, payment.AsRefunded, audit.Evidence{Sights: []payment.LookupResult{kept, kept}}), "keeps the money of pay_1 and pay_1")
	require.NoError(t, audit.Resolve(doubled, payment.AsRefunded, audit.Evidence{Sights: []payment.LookupResult{kept, back}}))
	require.ErrorContains(t, audit.Resolve(doubled, payment.AsRefunded, audit.Evidence{Sights: []payment.LookupResult{kept, absent}}), "proves nothing")
	require.Error(t, audit.Resolve(doubled, payment.AsPaid, audit.Evidence{Sights: []payment.LookupResult{kept, kept}}))
	for _, kind := range audit.Kinds() {
		require.Contains(t, audit.Next(3, audit.Finding{Kind: kind}), "duly resolve finding 3 --as ")
	}
	for _, row := range []audit.Row{{Table: audit.Attempts, ID: 7}, {Table: audit.Payments, ID: 8}} {
		got, ok := audit.ParseRow(row.String())
		require.True(t, ok)
		require.Equal(t, row, got)
	}
	for _, text := range []string{"", "attempt:", "order:7", "attempt:0", "attempt:x"} {
		_, ok := audit.ParseRow(text)
		require.False(t, ok, text)
	}
}

// A charge that is paid here and declined at its gateway has a way out, and the finding names it; one that is refunded there has another.
func TestNextOfAChargeThatTookNothing(t *testing.T) {
	f := audit.Finding{Kind: audit.StatusDiffers, Detail: audit.Detail{Row: "attempt:7", Here: "succeeded", There: "declined"}}
	require.Equal(t, "duly resolve finding 3 --as not_executed --reason …, once duly reopen invoice ID has its invoice charged again; the gateway is asked first", audit.Next(3, f))
	require.Equal(t, "duly resolve finding 3 --as not_executed --reason …", audit.Command(3, f))
	for _, other := range []func(*audit.Finding){
		func(f *audit.Finding) { f.Detail.Row = "payment:7" }, func(f *audit.Finding) { f.Detail.There = "canceled" },
		func(f *audit.Finding) { f.Detail.Here = "declined" }, func(f *audit.Finding) { f.Kind = audit.AmountDiffers },
	} {
		changed := f
		other(&changed)
		require.NotContains(t, audit.Next(3, changed), "reopen")
	}
}
