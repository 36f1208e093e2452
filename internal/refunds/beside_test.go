package refunds_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/refunds"
)

// A refund is requested only of what is left beside those that are not settled, and twice only by a word.
func TestRefusesBeside(t *testing.T) {
	target := refunds.Target{Paid: won(1000), Recorded: 100}
	pending := func(amounts ...int64) (p refunds.Pending) {
		for i, amount := range amounts {
			p = append(p, refunds.Refund{ID: uint64(i + 7), Amount: amount, Status: refunds.Requested})
		}
		return p
	}
	for _, c := range []struct {
		name   string
		amount int64
		beside refunds.Pending
		again  bool
		why    string
	}{
		{"alone", 900, nil, false, ""},
		{"within what is left", 500, pending(400), false, ""},
		{"the rest", 0, pending(400), false, ""},
		{"more than is left", 501, pending(400), false, "500 KRW are left of 1,000 KRW beside refund 7 (400 KRW, requested); duly resolve refund 7 --as cancelled --reason … cancels it"},
		{"more than several leave", 101, pending(400, 400), true, "100 KRW are left of 1,000 KRW beside refund 8 (400 KRW, requested); duly resolve refund 8 --as cancelled --reason … cancels it"},
		{"all is requested", 1, pending(0), true, "nothing is left beside refund 7 (all that is left, requested); duly resolve refund 7 --as cancelled --reason … cancels it"},
		{"all is requested, twice", 0, pending(0), true, "nothing is left beside refund 7 (all that is left, requested); duly resolve refund 7 --as cancelled --reason … cancels it"},
		{"all of it in parts", 0, pending(400, 500), false, "nothing is left beside refund 8 (500 KRW, requested); duly resolve refund 8 --as cancelled --reason … cancels it"},
		{"the same", 400, pending(400), false, "refund 7 (400 KRW, requested) asks for the same amount, and is not settled; --again requests it once more"},
		{"the same, again", 400, pending(400), true, ""},
		{"in doubt", 600, refunds.Pending{{ID: 7, Status: refunds.InDoubt, Sent: &refunds.Sent{Amount: 400}}}, false, "500 KRW are left of 1,000 KRW beside refund 7 (400 KRW, in_doubt); duly run reconcile --step refund settles it"},
		{"in review", 600, refunds.Pending{{ID: 7, Amount: 400, Status: refunds.Review}}, false, "500 KRW are left of 1,000 KRW beside refund 7 (400 KRW, review); it waits for an operator: " + refunds.Held{ID: 7}.Either()},
	} {
		require.Equal(t, c.why, refunds.RefusesBeside(refunds.Refund{Amount: c.amount}, target, c.beside, c.again), c.name)
	}
}

// Only what nothing was done about is taken back.
func TestNotCancelled(t *testing.T) {
	for _, status := range []refunds.Status{refunds.Requested, refunds.InFlight, refunds.InDoubt, refunds.Refunded, refunds.Refused, refunds.Cancelled, refunds.Review} {
		err := refunds.Refund{ID: 7, Status: status}.NotCancelled()
		if status == refunds.Requested {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "refund 7 ", status)
	}
}
