package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

func TestKeyNumber(t *testing.T) {
	for key, want := range map[string]int{
		"sub_42_20260131-1": 1, "sub_42_20260131-12": 12, "shop-b_sub_42_20260131-3": 3, "x-7": 7,
		"": 0, "sub_42_20260131": 0, "sub_42_20260131-": 0, "sub_42_20260131-0": 0, "sub_42_20260131-01": 0, "sub_42_20260131-+1": 0,
		"sub_42_20260131--1": 1, "sub_42_20260131-1x": 0, "sub_42_20260131-99999999999999999999": 0, "sub_42_20260131-１": 0,
	} {
		n, ok := billing.KeyNumber(key)
		require.Equal(t, want, n, key)
		require.Equal(t, want != 0, ok, key)
	}
}

// The number of a key moves past an attempt by the proof that is stored with it, whatever its status (I4). Attempts from
// before proofs were stored are believed if they were declined.
func TestTheNumberMovesByProofAlone(t *testing.T) {
	statuses := []billing.AttemptStatus{
		billing.AttemptInFlight, billing.AttemptSucceeded, billing.AttemptDeclined, billing.AttemptInDoubt, billing.AttemptReleased,
		billing.AttemptRejected, billing.AttemptReview, "odd",
	}
	for _, status := range statuses {
		for _, proof := range []billing.Proof{"", billing.ProofAnswer, billing.ProofLookUp, billing.ProofOperator, "odd"} {
			for _, account := range []uint32{0, 3} {
				a := tried(1, status, "")
				a.Proof, a.Account = proof, account
				got := decideClaim(sample.Invoice(), sample.Subscription(), a)
				proven := proof == billing.ProofAnswer || proof == billing.ProofLookUp || proof == billing.ProofOperator
				legacy := proof == "" && account == 0 && status == billing.AttemptDeclined
				settled := status == billing.AttemptDeclined || status == billing.AttemptRejected
				name := []any{status, proof, account}
				switch {
				case status == billing.AttemptReleased:
					require.Equal(t, billing.Claim{Action: billing.Charge, Reuse: a.ID, No: 1, Key: a.Key}, got, name)
				case settled && (proven || legacy):
					require.Equal(t, billing.Claim{Action: billing.Charge, No: 2, Key: "sub_42_20260131-2"}, got, name)
				default:
					require.Equal(t, billing.ReviewInvoice, got.Action, name)
					if settled {
						require.Contains(t, got.Reason, "duly resolve attempt 101 --as not_executed --reason", name)
					}
				}
				unproven := uint64(0)
				if settled && !proven && !legacy {
					unproven = a.ID
				}
				require.Equal(t, unproven, billing.Unproven([]billing.PastAttempt{a}), name)
			}
		}
	}
}

// Keys that do not count from one without gaps, as a restore or another installation leaves them.
func TestOddKeys(t *testing.T) {
	at := func(no int, key string, status billing.AttemptStatus) billing.PastAttempt {
		a := tried(no, status, "")
		a.Key = key
		return a
	}
	unproven := func(a billing.PastAttempt) billing.PastAttempt {
		a.Proof = ""
		return a
	}
	declined, rejected, released := billing.AttemptDeclined, billing.AttemptRejected, billing.AttemptReleased
	for _, c := range []struct {
		name   string
		past   []billing.PastAttempt
		want   billing.Claim
		reason string
	}{
		{"a gap", []billing.PastAttempt{at(1, "sub_42_20260131-4", declined)}, billing.Claim{No: 2, Key: "sub_42_20260131-5"}, ""},
		{"numbers of attempts beyond those of keys", []billing.PastAttempt{at(9, "sub_42_20260131-2", declined)}, billing.Claim{No: 10, Key: "sub_42_20260131-3"}, ""},
		{"a prefix", []billing.PastAttempt{at(1, "b-2_sub_42_20260131-7", declined)}, billing.Claim{No: 2, Key: "sub_42_20260131-8"}, ""},
		{"the newest by its key", []billing.PastAttempt{at(1, "sub_42_20260131-3", declined), at(2, "sub_42_20260131-1", declined)}, billing.Claim{No: 3, Key: "sub_42_20260131-4"}, ""},
		{"the newest by its key is unproven", []billing.PastAttempt{unproven(at(1, "sub_42_20260131-3", rejected)), at(2, "sub_42_20260131-1", declined)}, billing.Claim{}, "attempt 101 is rejected"},
		{"an older one is unproven", []billing.PastAttempt{unproven(at(1, "sub_42_20260131-1", rejected)), at(2, "sub_42_20260131-2", declined)}, billing.Claim{No: 3, Key: "sub_42_20260131-3"}, ""},
		{"a released one behind a decline", []billing.PastAttempt{at(1, "sub_42_20260131-1", released), at(2, "sub_42_20260131-2", declined)}, billing.Claim{Reuse: 101, No: 1, Key: "sub_42_20260131-1"}, ""},
		{"a released one behind one that is unproven", []billing.PastAttempt{at(1, "sub_42_20260131-1", released), unproven(at(2, "sub_42_20260131-2", rejected))}, billing.Claim{}, "attempt 102 is rejected"},
		{"two released", []billing.PastAttempt{at(1, "sub_42_20260131-1", released), at(2, "sub_42_20260131-2", released)}, billing.Claim{Reuse: 102, No: 2, Key: "sub_42_20260131-2"}, ""},
		{"two under one number, one unproven", []billing.PastAttempt{unproven(at(1, "sub_42_20260131-2", rejected)), at(2, "b_sub_42_20260131-2", declined)}, billing.Claim{}, "attempt 101 is rejected"},
		{"the same, turned round", []billing.PastAttempt{at(1, "b_sub_42_20260131-2", declined), unproven(at(2, "sub_42_20260131-2", rejected))}, billing.Claim{}, "attempt 102 is rejected"},
		{"no number", []billing.PastAttempt{at(1, "of_the_shop", declined)}, billing.Claim{}, `attempt 101 has the key "of_the_shop", which does not end in a number`},
	} {
		got := decideClaim(sample.Invoice(), sample.Subscription(), c.past...)
		if c.reason != "" {
			require.Equal(t, billing.ReviewInvoice, got.Action, c.name)
			require.Contains(t, got.Reason, c.reason, c.name)
			continue
		}
		c.want.Action = billing.Charge
		require.Equal(t, c.want, got, c.name)
	}
}

// Whatever was tried, no claim makes a key that was used, or one beyond an attempt that nothing proves.
func TestMintProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var past []billing.PastAttempt
		for no := 1; no <= rapid.IntRange(0, 5).Draw(t, "attempts"); no++ {
			a := tried(no, sample.Draw(t, "status", billing.AttemptDeclined, billing.AttemptRejected, billing.AttemptReleased), payment.Soft)
			a.Key = billing.Key(42, sample.Day("2026-01-31"), rapid.IntRange(1, 6).Draw(t, "n"))
			a.Proof, a.Account = sample.Draw(t, "proof", "", billing.ProofAnswer, billing.ProofOperator), sample.Draw[uint32](t, "account", 0, 1)
			past = append(past, a)
		}
		got := decideClaim(sample.Invoice(), sample.Subscription(), past...)
		if got.Action != billing.Charge || got.Reuse != 0 {
			return
		}
		n, ok := billing.KeyNumber(got.Key)
		require.True(t, ok)
		for _, a := range past {
			m, _ := billing.KeyNumber(a.Key)
			require.Less(t, m, n)
			require.Less(t, a.No, got.No)
			if m == n-1 {
				require.True(t, a.Proof != "" || a.Account == 0 && a.Status == billing.AttemptDeclined)
			}
		}
	})
}
