package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/payment"
)

// Nobody is told to give a second payment back before the gateway has shown the one that the row keeps.
func TestBeside(t *testing.T) {
	seen := func(id string, status payment.Status, refunded int64) payment.LookupResult {
		p := record(id, "k")
		p.Status, p.Refunded = status, refunded
		return payment.LookupResult{Payment: &p}
	}
	absent, silent, unaskable := payment.LookupResult{Absent: true}, payment.LookupResult{Reason: "timeout"}, payment.LookupResult{Unaskable: true}
	named := row(12, func(o *audit.Ours) { o.Row.Table, o.GatewayID = audit.Attempts, "pay_1" })
	other := row(13, func(o *audit.Ours) { o.Row.Table, o.GatewayID = audit.Attempts, "pay_3" })
	nameless := row(12, func(o *audit.Ours) { o.Row.Table = audit.Attempts })
	for name, c := range map[string]struct {
		rows   []audit.Ours
		sights []payment.LookupResult
		text   string // what is added
		advice string
		unsure bool
	}{
		"shown":                    {[]audit.Ours{named}, []payment.LookupResult{seen("pay_1", payment.Succeeded, 0)}, "", "once the second payment is refunded", false},
		"shown, spelled otherwise": {[]audit.Ours{named}, []payment.LookupResult{seen("PAY_1", payment.Succeeded, 0)}, "", "once the second payment is refunded", false},
		"shown, by its key":        {[]audit.Ours{nameless}, []payment.LookupResult{seen("pay_9", payment.Succeeded, 0)}, "", "once the second payment is refunded", false},
		"one of two shown":         {[]audit.Ours{named, other}, []payment.LookupResult{absent, seen("pay_3", payment.Succeeded, 0)}, "", "once the second payment is refunded", false},
		"missing": {
			[]audit.Ours{named},
			[]payment.LookupResult{absent},
			", but payment pay_1, which attempt 12 keeps, is unknown to gateway main", "give nothing back before", false,
		},
		"another payment in its place": {
			[]audit.Ours{named},
			[]payment.LookupResult{seen("pay_7", payment.Succeeded, 0)},
			", but payment pay_1, which attempt 12 keeps, is pay_7 there", "give nothing back before", false,
		},
		"refunded there": {
			[]audit.Ours{named},
			[]payment.LookupResult{seen("pay_1", payment.Succeeded, 1000)},
			", but payment pay_1, which attempt 12 keeps, is refunded there", "give nothing back before", false,
		},
		"declined there": {
			[]audit.Ours{named},
			[]payment.LookupResult{seen("pay_1", payment.Declined, 0)},
			", but payment pay_1, which attempt 12 keeps, is declined there", "give nothing back before", false,
		},
		"the second one, by its key": {
			[]audit.Ours{nameless},
			[]payment.LookupResult{seen("pay_2", payment.Succeeded, 0)},
			", but the payment under key k, which attempt 12 keeps, is the second one there", "give nothing back before", false,
		},
		"nobody can be asked": {
			[]audit.Ours{named},
			[]payment.LookupResult{unaskable},
			"; gateway main cannot be asked for payment pay_1, which attempt 12 keeps", "once the provider's page shows both payments", false,
		},
		"no answer": {[]audit.Ours{named}, []payment.LookupResult{silent}, "", "", true},
	} {
		f := audit.Twice(named, record("pay_2", "k"))
		text := f.Detail.Text
		f, sure := f.Beside(c.rows, c.sights)
		require.Equal(t, !c.unsure, sure, name)
		if c.unsure {
			continue
		}
		require.Equal(t, text+c.text, f.Detail.Text, name)
		next := audit.Next(3, f)
		require.Contains(t, next, c.advice, name)
		require.Equal(t, f.Detail.Kept == "missing", next[:len("duly resolve finding 3 --as ignored")] == "duly resolve finding 3 --as ignored", name)
		err := audit.Resolve(f, payment.AsRefunded, audit.Evidence{Rows: c.rows, Sights: append([]payment.LookupResult{seen("pay_2", payment.Succeeded, 1000)}, c.sights...)})
		if c.text == "" {
			require.NoError(t, err, name)
		} else {
			require.Error(t, err, name)
		}
	}

	doubled, found := audit.Doubled([]audit.Ours{named, other})
	require.True(t, found)
	both, sure := doubled.Beside([]audit.Ours{named, other}, []payment.LookupResult{seen("pay_1", payment.Succeeded, 0), seen("pay_3", payment.Succeeded, 0)})
	require.True(t, sure)
	require.Equal(t, doubled, both)
	one, sure := doubled.Beside([]audit.Ours{named, other}, []payment.LookupResult{seen("pay_1", payment.Succeeded, 0), absent})
	require.True(t, sure)
	require.Equal(t, "missing", one.Detail.Kept)
	require.Equal(t, doubled.Detail.Text+", but payment pay_3, which attempt 13 keeps, is unknown to gateway main", one.Detail.Text)
	_, sure = doubled.Beside([]audit.Ours{named, other}, []payment.LookupResult{seen("pay_1", payment.Succeeded, 0), silent})
	require.False(t, sure)
}

// What a row is paid by is not refunded, whatever a finding said of it, and nor is the record of a row's own payment a second one.
func TestAPaymentThatARowKeeps(t *testing.T) {
	keptRow := row(7, func(o *audit.Ours) { o.Row.Table, o.Gateway, o.GatewayID = audit.Attempts, "main", "pay_2" })
	_, found := audit.Unknown("main", record("pay_2", "by-hand"), []audit.Ours{keptRow})
	require.False(t, found, "it is that row's")
	_, found = audit.Unknown("main", record("pay_4", "by-hand"), []audit.Ours{keptRow})
	require.True(t, found)
	back := record("pay_2", "by-hand")
	back.Refunded = back.Money.Amount
	for _, kind := range []audit.Kind{audit.UnknownHere, audit.ChargedTwice} {
		f := audit.Finding{Kind: kind, GatewayPaymentID: "pay_2", Detail: audit.Detail{Gateway: "main"}}
		err := audit.Resolve(f, payment.AsRefunded, audit.Evidence{Rows: []audit.Ours{keptRow}, Sights: []payment.LookupResult{{Payment: &back}, {Payment: &back}}})
		require.ErrorContains(t, err, "attempt 7 is paid by payment pay_2: it is not to be refunded", kind)
	}
}
