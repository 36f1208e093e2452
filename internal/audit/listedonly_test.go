package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/payment"
)

// What a gateway lists and does not know by its id is said to be so, and an operator's word closes it while that holds. Nothing else that
// is absent is closed so.
func TestWhatIsOnlyListed(t *testing.T) {
	second := record("pay_2", "k")
	paid := ours("succeeded", 0)
	paid.GatewayID, paid.Reference = "pay_1", second.Reference
	absent, shown := payment.LookupResult{Absent: true}, payment.LookupResult{Payment: &second}
	settle := func(seen audit.Seen) audit.Finding {
		f, verdict := seen.Settle(seen.Ours, seen.Known, nil, true)
		require.Equal(t, audit.Differs, verdict)
		return f
	}
	twice := audit.Seen{Pair: audit.Pair{Theirs: second, Ours: paid, Known: true}, Gateway: "main", Which: payment.Ref{ID: "pay_2"}}
	unknown := audit.Seen{Pair: audit.Pair{Theirs: second}, Gateway: "main", Which: payment.Ref{ID: "pay_2"}}
	for _, c := range []struct {
		seen audit.Seen
		kind audit.Kind
		text string
	}{
		{twice, audit.ChargedTwice, "second charge under a paid reference"},
		{unknown, audit.UnknownHere, "succeeded there, unknown here"},
	} {
		c.seen.Sight = shown
		f := settle(c.seen)
		require.Equal(t, c.text, f.Detail.Text)
		require.Contains(t, audit.Next(3, f), "--as refunded")
		require.ErrorContains(t, audit.Resolve(f, payment.AsNotExecuted, audit.Evidence{Sights: []payment.LookupResult{absent}}), "proves nothing")

		c.seen.Sight = absent
		f = settle(c.seen)
		require.Equal(t, c.kind, f.Kind)
		require.Equal(t, c.text+"; it is listed, but the gateway does not know it by its id", f.Detail.Text)
		require.Equal(t, "duly resolve finding 3 --as not_executed --reason …", audit.Command(3, f))
		require.Contains(t, audit.Next(3, f), "once the provider has said that there is no such payment; or --as refunded")
		require.NoError(t, audit.Resolve(f, payment.AsNotExecuted, audit.Evidence{Sights: []payment.LookupResult{absent}}))
		require.ErrorContains(t, audit.Resolve(f, payment.AsNotExecuted, audit.Evidence{Sights: []payment.LookupResult{shown}}), "is succeeded: give it back")
		require.ErrorContains(t, audit.Resolve(f, payment.AsNotExecuted, audit.Evidence{Sights: []payment.LookupResult{{Reason: "timeout"}}}), "try again")
		require.ErrorContains(t, audit.Resolve(f, payment.AsRefunded, audit.Evidence{Sights: []payment.LookupResult{absent}}), "proves nothing")

		f.Detail.Kept = "missing" // the other payment is not there either
		require.ErrorContains(t, audit.Resolve(f, payment.AsNotExecuted, audit.Evidence{Sights: []payment.LookupResult{absent}}), "proves nothing")
	}
}
