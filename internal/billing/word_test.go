package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

const (
	wordLife    = 24 * time.Hour
	wordLongest = 2 * time.Minute
	wordGiveUp  = 6 * time.Hour
)

// What an operator says counts where the gateway cannot say, and not before the last request can have taken effect; of
// what is in doubt only once the gateway had its time.
func TestAnOperatorsWord(t *testing.T) {
	declared := billing.Guarantees{KeyLife: wordLife, Longest: wordLongest, LookupOutlivesKey: true}
	horizon := wordLife + wordLongest
	absent, unaskable := payment.LookupResult{Absent: true}, payment.LookupResult{Unaskable: true}
	uncontrolled := func(e *payment.Evidence) {
		e.Vetting = payment.Vetting{Earlier: payment.ControlNone, Later: payment.ControlNone}
	}
	doubt := func(r *billing.Reviewed) {
		r.Status, r.InvoiceStatus, r.SettledAt = billing.AttemptInDoubt, billing.Charging, time.Time{}
	}
	own := func(r *billing.Reviewed) { // its own worker settled it
		r.Status, r.Doubted, r.SentBy = billing.AttemptRejected, false, time.Time{}
	}
	all := func(list ...func(*billing.Reviewed)) func(*billing.Reviewed) {
		return func(r *billing.Reviewed) {
			for _, f := range list {
				f(r)
			}
		}
	}
	stored := func(r *billing.Reviewed) {
		r.Terms = billing.Terms{Account: 1, KeyLife: 7 * 24 * time.Hour, Longest: 10 * time.Minute}
	}
	foreignID := func(r *billing.Reviewed) { r.PaymentID = "pay_of_another" }
	foreign := sight(func(p *payment.Payment) { p.Key, p.Reference = "sub_43_20260131-1", "sub_43_20260131" })
	for _, c := range []struct {
		name   string
		change func(*billing.Reviewed)
		age    time.Duration // of the attempt, which was sent and settled at once
		seen   payment.LookupResult
		more   func(*payment.Evidence)
		k      billing.Guarantees
		only   bool // nobody gives his word: a requeue
		status billing.AttemptStatus
		proof  billing.Proof
		err    string
	}{
		{name: "review, absence that controls bear out", age: horizon + 1, seen: absent, k: declared, status: billing.AttemptReleased, proof: billing.ProofLookUp},
		{name: "the same, by a requeue", age: horizon + 1, seen: absent, k: declared, only: true, status: billing.AttemptReleased, proof: billing.ProofLookUp},
		{name: "asked at the very end", age: horizon, seen: absent, k: declared, err: "may still arrive: try again in 1m: duly resolve attempt 7 --as not_executed"},
		{name: "nothing to control by", age: horizon + 1, seen: absent, more: uncontrolled, k: declared, status: billing.AttemptRejected, proof: billing.ProofOperator},
		{name: "nothing to control by, too early", age: horizon, seen: absent, more: uncontrolled, k: declared, err: "may still arrive"},
		{name: "nothing to control by, and nobody's word", age: horizon + 1, seen: absent, more: uncontrolled, k: declared, only: true, err: "duly resolve attempt 7 --as not_executed"},
		{name: "controls that fail", age: 1000 * time.Hour, seen: absent, more: func(e *payment.Evidence) {
			e.Vetting = payment.Vetting{Earlier: payment.ControlFailed, Denied: payment.Control{PaymentID: "pay_9", At: sample.Noon}}
		}, k: declared, err: "gateway main does not show payment pay_9, which it took on 2026-01-31: wrong URL or account?"},
		{name: "controls that nobody answered for", age: 1000 * time.Hour, seen: absent, more: func(e *payment.Evidence) { e.Vetting = payment.Vetting{} }, k: declared, err: "try again"},
		{name: "a gateway that cannot be asked", age: horizon + 1, seen: unaskable, k: declared, status: billing.AttemptRejected, proof: billing.ProofOperator},
		{name: "a gateway that does not answer", age: 1000 * time.Hour, seen: payment.LookupResult{Reason: "timeout"}, k: declared, err: "could not be asked (timeout)"},
		{name: "a gateway that forgets", age: horizon + 1, seen: absent, more: func(e *payment.Evidence) { e.Lasting = false }, k: declared, status: billing.AttemptRejected, proof: billing.ProofOperator},
		{name: "another account", age: horizon + 1, seen: absent, more: func(e *payment.Evidence) { e.Elsewhere, e.Vetting = true, payment.Vetting{} }, k: declared, status: billing.AttemptRejected, proof: billing.ProofOperator},
		{
			name: "another account, with a decline under the key", age: horizon + 1, more: func(e *payment.Evidence) { e.Elsewhere = true }, k: declared,
			seen: sight(func(p *payment.Payment) { p.Status = payment.Declined }), status: billing.AttemptRejected, proof: billing.ProofOperator,
		},
		{name: "what was declared then counts where it is longer", change: stored, age: horizon + 1, seen: absent, k: declared, err: "may still arrive: try again in 144h8m"},
		{name: "no configuration", change: stored, age: 7*24*time.Hour + 10*time.Minute + 1, seen: unaskable, status: billing.AttemptRejected, proof: billing.ProofOperator},
		{name: "no configuration, too early", change: stored, age: 7*24*time.Hour + 10*time.Minute, seen: unaskable, err: "may still arrive"},
		{name: "no configuration, and nothing stored", age: 1000 * time.Hour, seen: unaskable, err: "type it where gateways.main is configured"},

		{name: "rejected", change: own, age: wordLongest + 1, seen: absent, k: declared, status: billing.AttemptRejected, proof: billing.ProofLookUp},
		{name: "rejected, too early", change: own, age: wordLongest, seen: absent, k: declared, err: "may still arrive"},
		{name: "rejected, nothing to control by", change: own, age: wordLongest + 1, seen: absent, more: uncontrolled, k: declared, status: billing.AttemptRejected, proof: billing.ProofOperator},
		{
			name: "rejected, and declined in truth", change: own, age: wordLongest, k: declared,
			seen: sight(func(p *payment.Payment) { p.Status = payment.Declined }), status: billing.AttemptDeclined, proof: billing.ProofLookUp,
		},
		{name: "rejected, and charged in truth", change: own, age: 1000 * time.Hour, seen: sight(nil), k: declared, err: "duly resolve attempt 7 --as paid pay_1 --reason"},

		{name: "in doubt, absence that controls bear out", change: doubt, age: horizon + 1, seen: absent, k: declared, status: billing.AttemptReleased, proof: billing.ProofLookUp},
		{name: "in doubt, and time for a word", change: doubt, age: horizon + wordGiveUp + 1, seen: absent, more: uncontrolled, k: declared, status: billing.AttemptRejected, proof: billing.ProofOperator},
		{name: "in doubt, and too early for a word", change: doubt, age: horizon + wordGiveUp, seen: absent, more: uncontrolled, k: declared, err: "try again in 1m: duly resolve attempt 7"},
		{name: "in doubt, and charged", change: doubt, age: 1000 * time.Hour, seen: sight(nil), k: declared, err: "duly run billing --subscription 42 settles it"},
		{name: "in doubt, not taken over since the upgrade", change: all(doubt, func(r *billing.Reviewed) { r.SentBy = time.Time{} }), age: 1000 * time.Hour, seen: absent, k: declared, err: "duly run billing --subscription 42, then try again"},
		{name: "in flight", change: all(doubt, func(r *billing.Reviewed) { r.Status = billing.AttemptInFlight }), age: 1000 * time.Hour, seen: absent, k: declared, err: "attempt 7 is in_flight"},

		{
			name: "answers for another payment", age: 1000 * time.Hour, k: declared, seen: foreign, err: "pay_1, which has another key",
		},
		{
			name: "a success under its key that is not ours", age: 1000 * time.Hour, k: declared,
			seen: sight(func(p *payment.Payment) { p.CustomerID = "cus_8" }), err: "its customer_id is not ours",
		},
		{
			name: "a decline under its key that is not ours proves nothing", age: horizon + 1, k: declared,
			seen: sight(func(p *payment.Payment) { p.CustomerID, p.Status = "cus_8", payment.Declined }), status: billing.AttemptRejected, proof: billing.ProofOperator,
		},
		{
			name: "the stored id is somebody else's", change: foreignID, age: horizon + 1, k: declared, seen: absent,
			more: func(e *payment.Evidence) { e.ByID = foreign }, status: billing.AttemptReleased, proof: billing.ProofLookUp,
		},
		{
			name: "the stored id is a decline of somebody else's", change: foreignID, age: 1000 * time.Hour, k: declared, seen: sight(nil),
			more: func(e *payment.Evidence) {
				e.ByID = sight(func(p *payment.Payment) { p.Key, p.Status = "sub_43_20260131-1", payment.Declined })
			}, err: "--as paid pay_1",
		},
		{
			name: "by its id alone, and charged", change: foreignID, age: 1000 * time.Hour, k: declared, seen: unaskable,
			more: func(e *payment.Evidence) { e.ByID = sight(nil) }, err: "--as paid pay_1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reviewed(func(r *billing.Reviewed) {
				r.CreatedAt = sample.Noon.Add(-c.age)
				r.SentBy, r.SettledAt = r.CreatedAt, r.CreatedAt
				if c.change != nil {
					c.change(r)
				}
			})
			e := evidence(c.seen)
			e.ByID = payment.LookupResult{}
			if c.more != nil {
				c.more(&e)
			}
			w := billing.Word{As: payment.AsNotExecuted, Reason: "asked the provider", Counts: !c.only, GiveUpAfter: wordGiveUp}
			got, err := billing.Resolve(r, w, e, c.k)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.NotContains(t, err.Error(), "\n")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.status, got.Attempt)
			require.Equal(t, c.proof, got.Proof)
			require.Equal(t, billing.Open, got.Invoice)
			require.NotEqual(t, "pay_of_another", got.PaymentID, "an id that is not ours is kept as ours")
			past := billing.PastAttempt{ID: r.ID, No: r.No, Key: r.Charge.Key, Status: got.Attempt, Gateway: r.Gateway, Account: 1, Proof: got.Proof}
			next := decideClaim(sample.Invoice(), sample.Subscription(), past)
			require.Equal(t, billing.Charge, next.Action)
			if got.Proof == billing.ProofOperator {
				require.Equal(t, "sub_42_20260131-2", next.Key, "after a word alone the key may have an answer that was not meant")
			}
		})
	}
}

// An attempt that ended without a proof is an operator's once its invoice is in review.
func TestResolveWhatEndedWithoutAProof(t *testing.T) {
	declined := func(r *billing.Reviewed) { r.Status, r.Terms.Account = billing.AttemptDeclined, 1 }
	k := billing.Guarantees{KeyLife: wordLife, Longest: wordLongest, LookupOutlivesKey: true}
	got, err := billing.Resolve(reviewed(declined), word(payment.AsNotExecuted), evidence(payment.LookupResult{Absent: true}), k)
	require.NoError(t, err)
	require.Equal(t, billing.AttemptDeclined, got.Attempt)
	require.Equal(t, billing.ProofLookUp, got.Proof)
	require.Equal(t, billing.Open, got.Invoice)
	for name, change := range map[string]func(*billing.Reviewed){
		"proven": func(r *billing.Reviewed) { declined(r); r.Proof = billing.ProofAnswer },
		"legacy": func(r *billing.Reviewed) { declined(r); r.Terms.Account = 0 },
		"paid":   func(r *billing.Reviewed) { declined(r); r.InvoiceStatus = billing.Paid },
	} {
		_, err := billing.Resolve(reviewed(change), word(payment.AsNotExecuted), evidence(payment.LookupResult{Absent: true}), k)
		require.ErrorContains(t, err, "attempt 7 is declined", name)
	}
}

func TestSame(t *testing.T) {
	seen := reviewed(nil)
	require.True(t, seen.Same(reviewed(nil)))
	for name, change := range map[string]func(*billing.Reviewed){
		"status": func(r *billing.Reviewed) { r.Status = billing.AttemptInFlight }, "lease": func(r *billing.Reviewed) { r.Lease[0] = 1 },
		"key": func(r *billing.Reviewed) { r.Charge.Key += "x" }, "gateway": func(r *billing.Reviewed) { r.Gateway = "second" },
		"payment": func(r *billing.Reviewed) { r.PaymentID = "pay_2" }, "checks": func(r *billing.Reviewed) { r.Checks++ },
		"proof": func(r *billing.Reviewed) { r.Proof = billing.ProofAnswer }, "made": func(r *billing.Reviewed) { r.CreatedAt = sample.Noon },
		"sent": func(r *billing.Reviewed) { r.SentBy = sample.Noon }, "settled": func(r *billing.Reviewed) { r.SettledAt = sample.Noon },
		"terms": func(r *billing.Reviewed) { r.Terms.Longest++ },
	} {
		require.False(t, reviewed(change).Same(seen), name)
	}
}
