package steps_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/steps"
)

// process charges one item in a run of its own.
func process(ctx context.Context, t *testing.T, p batch.Processor[billing.Claimed, billing.Result], item billing.Claimed, before func(x *batch.StepExecution)) billing.Result {
	t.Helper()
	var got billing.Result
	worktest.InMemory(ctx, t, func(ctx context.Context, x *batch.StepExecution) error {
		if before != nil {
			before(x)
		}
		var err error
		got, err = p.Process(ctx, item)
		require.NoError(t, err)
		return nil
	})
	return got
}

// Right before each request it is checked that the lease is long enough for it, the key young enough, and that
// nobody has asked to stop.
func TestNothingIsSentAgainstTheGuard(t *testing.T) {
	last := keyLife - longest
	for _, c := range []struct {
		name   string
		age    time.Duration
		before func(stop func(), x *batch.StepExecution)
		sent   bool
	}{
		{"in order", 0, nil, true},
		{"the key at its last moment", last - time.Minute, nil, true},
		{"the key too old", last, nil, false},
		{"the key too old since it was claimed", last - time.Minute, func(func(), *batch.StepExecution) { time.Sleep(time.Minute) }, false},
		{"a lease just long enough", 0, func(func(), *batch.StepExecution) { time.Sleep(worktest.Lease - timeout - time.Second) }, true},
		{"a lease too short for a request", 0, func(func(), *batch.StepExecution) { time.Sleep(worktest.Lease - timeout) }, false},
		{"a lease that was lost", 0, func(_ func(), x *batch.StepExecution) { x.Lease.Lose() }, false},
		{"a stop", 0, func(stop func(), _ *batch.StepExecution) { stop() }, false},
		{"a halt", 0, func(_ func(), x *batch.StepExecution) { x.Halt(errors.New("brake")) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := ordinary()
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				charge := &steps.OpenInvoices{Gateways: gateways(t, p), Brake: &steps.Brake{}, Now: time.Now}
				got := process(ctx, t, charge, claimed(c.age), func(x *batch.StepExecution) {
					if c.before != nil {
						c.before(stop, x)
					}
				})
				if c.sent {
					require.Len(t, p.sent, 1)
					require.Equal(t, payment.Paid, got.Answer.Outcome.Kind)
					return
				}
				require.Empty(t, p.sent)
				require.Equal(t, payment.NotExecuted, got.Answer.Outcome.Kind, "it is known that nothing left")
				require.False(t, got.Claimed.Doubted)
			})
		})
	}
}

func TestAGatewayThatIsNotConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		item := claimed(0)
		item.Gateway = "gone"
		charge := &steps.OpenInvoices{Gateways: steps.Gateways{}, Brake: &steps.Brake{}, Now: time.Now}
		require.Equal(t, payment.NotExecuted, process(t.Context(), t, charge, item, nil).Answer.Outcome.Kind)
		item.Doubted = true
		recovery := &steps.UnsettledAttempts{Gateways: steps.Gateways{}, Controls: &steps.Controls{Now: time.Now}, Doubts: &steps.Doubts{}, Brake: &steps.Brake{}, Now: time.Now}
		got := process(t.Context(), t, recovery, item, nil)
		require.Equal(t, payment.InDoubt, got.Answer.Outcome.Kind)
		require.Equal(t, billing.Answered, got.Verdict)
		kept := payment.Outcome{Kind: payment.Paid}
		item.Kept = &kept
		require.Equal(t, payment.Paid, process(t.Context(), t, recovery, item, nil).Answer.Outcome.Kind)
	})
}

func TestFail(t *testing.T) {
	fresh, doubted := claimed(0), claimed(0)
	doubted.Doubted = true
	now := time.Now()
	settle := func(r billing.Result) billing.Settlement { return r.Settle(billing.Active, billing.Policy{}, 1, now) }
	require.Equal(t, billing.AttemptReleased, settle(steps.Fail(fresh, batch.ErrStopped)).Attempt, "nothing was begun")
	require.Equal(t, billing.AttemptInDoubt, settle(steps.Fail(doubted, batch.ErrStopped)).Attempt, "but it was, before")
	require.Equal(t, billing.AttemptInDoubt, settle(steps.Fail(fresh, errors.New("panic"))).Attempt, "who knows how far it came")
}

// both gives an attempt a payment to check it by on each side.
func both(c *billing.Claimed) { only(true, true)(c) }

func only(earlier, later bool) func(*billing.Claimed) {
	return func(c *billing.Claimed) {
		if earlier {
			c.Controls.Earlier = []payment.Control{control("earlier", time.Hour, true)}
		}
		if later {
			c.Controls.Later = []payment.Control{control("later", time.Minute, true)}
		}
	}
}

func stored(change func(*billing.Claimed), life, longest time.Duration) func(*billing.Claimed) {
	return func(c *billing.Claimed) {
		change(c)
		c.Terms = billing.Terms{KeyLife: life, Longest: longest}
	}
}

func sentLate(change func(*billing.Claimed)) func(*billing.Claimed) {
	return func(c *billing.Claimed) {
		change(c)
		c.SentBy = time.Now().Add(-longest)
	}
}

func elsewhere(change func(*billing.Claimed)) func(*billing.Claimed) {
	return func(c *billing.Claimed) {
		change(c)
		c.Elsewhere = true
	}
}

// askedBefore has looked n times before, in the hours before now, and found out nothing.
func askedBefore(what billing.Asked, n int, every time.Duration) func(*billing.Claimed) {
	return func(c *billing.Claimed) {
		for i := range n {
			c.Patience = what.Counted(c.Patience, time.Now().Add(time.Duration(i-n)*every))
		}
	}
}

// Every way that a recovery can go.
func TestRecover(t *testing.T) {
	const young, old = time.Hour, keyLife + longest + time.Minute
	last := keyLife - longest
	absent := gateway.Finding{Absent: true}
	pending := gateway.Finding{Outcome: payment.Outcome{LookUpOnly: true, PaymentID: "pay_1", Reason: "pending"}}
	unread := gateway.Finding{Outcome: payment.Outcome{Reason: "timeout"}}
	for _, c := range []struct {
		name    string
		age     time.Duration
		found   gateway.Finding
		item    func(*billing.Claimed)
		able    func(*gateway.Capabilities)
		sent    bool
		verdict billing.Verdict
		kind    payment.Kind
		isFound bool
		hidden  string // the control that the gateway does not show
		silent  string // and the one that it says nothing about
		looked  int    // look-ups of the charge; 0: not counted
		soon    bool
	}{
		{name: "found paid", age: young, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.Paid}}, kind: payment.Paid, isFound: true},
		{name: "found declined, and nothing to check by", age: old, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.Refused}}, kind: payment.InDoubt},
		{name: "found declined, and one of ours is shown", age: old, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.Refused}}, item: only(true, false), kind: payment.Refused, isFound: true},
		{name: "found declined, by an id alone", age: old, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.Refused}}, able: func(a *gateway.Capabilities) { a.FindByKey = false }, item: func(c *billing.Claimed) { c.PaymentID = "pay_1" }, kind: payment.Refused, isFound: true},
		{name: "found, not ours", age: young, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.Differs}}, kind: payment.Differs, isFound: true},
		{name: "found put off", age: young, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.TryLater}}, item: only(false, true), kind: payment.TryLater, isFound: true},
		{name: "absent while the key lives: sent again", age: young, found: absent, sent: true, kind: payment.Paid},
		{name: "absent, and changed since", age: young, found: absent, item: func(c *billing.Claimed) { c.Chargeable = false }, kind: payment.InDoubt},
		{name: "absent, and to be asked about only", age: young, found: absent, item: func(c *billing.Claimed) { c.LookUp = true }, kind: payment.InDoubt},
		{name: "absent, too old to be sent", age: last, found: absent, kind: payment.InDoubt},
		{name: "absent for good, and controls pass", age: old, found: absent, item: both, verdict: billing.NeverSeen, looked: 2},
		{name: "absent for good, nothing to check by", age: old, found: absent, kind: payment.InDoubt, looked: 1},
		{name: "absent for good, nothing earlier", age: old, found: absent, item: only(false, true), kind: payment.InDoubt, looked: 1},
		{name: "absent for good, nothing later", age: old, found: absent, item: only(true, false), kind: payment.InDoubt, looked: 1, soon: true},
		{name: "absent for good, and a payment of ours is not shown", age: old, found: absent, item: both, hidden: "later", kind: payment.InDoubt, looked: 1},
		{name: "absent for good, and no answer about ours", age: old, found: absent, item: both, silent: "later", kind: payment.InDoubt, looked: 1},
		{name: "absent for good, by its stored terms not yet", age: old, found: absent, item: stored(both, keyLife+time.Hour, longest), kind: payment.InDoubt, looked: 1},
		{name: "absent for good, sent late", age: old, found: absent, item: sentLate(both), kind: payment.InDoubt, looked: 1},
		{name: "absent here, sent elsewhere", age: old, found: absent, item: elsewhere(both), kind: payment.InDoubt, looked: 1},
		{name: "absent here, young, sent elsewhere", age: young, found: absent, item: elsewhere(both), kind: payment.InDoubt, looked: 1},
		{name: "found paid here, sent elsewhere", age: young, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.Paid}}, item: elsewhere(both), kind: payment.Paid, isFound: true},
		{name: "found declined here, sent elsewhere", age: young, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.Refused}}, item: elsewhere(both), kind: payment.InDoubt},
		{name: "found declined, and a payment of ours is not shown", age: young, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.Refused}}, item: both, hidden: "earlier", kind: payment.InDoubt},
		{name: "found declined, and ours are shown", age: young, found: gateway.Finding{Outcome: payment.Outcome{Kind: payment.Refused}}, item: both, kind: payment.Refused, isFound: true},
		{name: "absent while the key lives, and ours are shown", age: young, found: absent, item: both, sent: true, kind: payment.Paid},
		{name: "absent while the key lives, and ours are not shown", age: young, found: absent, item: both, hidden: "earlier", kind: payment.InDoubt},
		{name: "absent while the key lives, and no answer about ours", age: young, found: absent, item: both, silent: "earlier", kind: payment.InDoubt},
		{name: "absent while the key lives, but was stored as shorter", age: young, found: absent, item: stored(both, young, longest), kind: payment.InDoubt},
		{name: "absent, by an id that it gave, and ours are not shown", age: old, found: absent, item: func(c *billing.Claimed) { both(c); c.PaymentID = "pay_1" }, hidden: "earlier", kind: payment.InDoubt},
		{name: "absent, by a look-up that does not last", age: old, found: absent, able: func(a *gateway.Capabilities) { a.LookupOutlivesKey = false }, verdict: billing.Unknowable},
		{name: "absent, and seen before", age: old, found: absent, item: func(c *billing.Claimed) { c.PaymentID = "pay_1" }, verdict: billing.Unknowable},
		{name: "no keys: never sent again", age: young, found: absent, able: func(a *gateway.Capabilities) { a.KeyLife = 0 }, verdict: billing.Unknowable},
		{name: "pending", age: young, found: pending, kind: payment.InDoubt},
		{name: "pending for too long", age: old + 40*time.Hour, found: pending, item: askedBefore(billing.Undecided, 11, 3*time.Hour), verdict: billing.Unknowable},
		{name: "pending, asked eleven times", age: old + 40*time.Hour, found: pending, item: askedBefore(billing.Undecided, 10, 3*time.Hour), kind: payment.InDoubt},
		{name: "pending, for long and hardly asked", age: 1000 * time.Hour, found: pending, kind: payment.InDoubt},
		{name: "no answer", age: young, found: unread, kind: payment.InDoubt},
		{name: "no answer for too long", age: 300 * time.Hour, found: unread, item: askedBefore(billing.Unanswered, 7, 24*time.Hour), verdict: billing.Unknowable},
		{name: "no answer, for long and hardly asked", age: 1000 * time.Hour, found: unread, kind: payment.InDoubt},
		{name: "no answer, and credentials refused after a week of none", age: 300 * time.Hour, found: gateway.Finding{Misconfigured: true, Outcome: payment.Outcome{Reason: "401"}}, item: askedBefore(billing.Unanswered, 7, 24*time.Hour), kind: payment.InDoubt},
		{name: "cannot be asked: sent again", age: young, able: func(a *gateway.Capabilities) { a.FindByKey = false }, sent: true, kind: payment.Paid},
		{name: "cannot be asked, too old", age: last, able: func(a *gateway.Capabilities) { a.FindByKey = false }, verdict: billing.Unknowable},
		{name: "cannot be asked by key, but by its id", age: young, found: pending, able: func(a *gateway.Capabilities) { a.FindByKey = false }, item: func(c *billing.Claimed) { c.PaymentID = "pay_1" }, kind: payment.InDoubt},
		{name: "an answer that was kept", age: old, found: absent, item: func(c *billing.Claimed) { c.Kept = &payment.Outcome{Kind: payment.Refused} }, kind: payment.Refused, isFound: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &register{provider: ordinary(), shown: shows(control("earlier", 0, true), control("later", 0, true)), silent: map[string]bool{}}
				r.forget(c.hidden)
				r.silent[c.silent] = true
				p := r.provider
				p.found = c.found
				if c.able != nil {
					c.able(&p.abilities)
				}
				item := claimed(c.age)
				item.Doubted, item.CreatedAt = true, time.Now().Add(-c.age)
				if c.item != nil {
					c.item(&item)
				}
				paced := gateway.Limit("main", r, gateway.Limits{Tries: 1, Now: time.Now})
				defer paced.Close()
				recovery := &steps.UnsettledAttempts{
					Gateways: steps.Gateways{"main": paced}, Controls: &steps.Controls{Now: time.Now}, Doubts: &steps.Doubts{},
					Brake: &steps.Brake{}, Now: time.Now, More: true,
				}
				got := process(t.Context(), t, recovery, item, nil)
				require.Equal(t, c.verdict, got.Verdict)
				require.Equal(t, c.soon, got.Soon)
				if c.looked > 0 {
					require.Equal(t, c.looked, p.looked)
				}
				require.Equal(t, c.isFound, got.Answer.Found)
				if c.sent {
					require.Equal(t, []payment.Charge{item.Charge}, p.sent, "the same charge under the same key")
				} else {
					require.Empty(t, p.sent)
				}
				if c.verdict == billing.Answered {
					require.Equal(t, c.kind, got.Answer.Outcome.Kind)
				}
				if c.verdict == billing.Unknowable {
					require.NotEmpty(t, got.Reason)
				}
				if c.kind == payment.InDoubt && c.verdict == billing.Answered {
					require.NotEmpty(t, got.Answer.Outcome.Reason, "an operator is told why")
				}
			})
		})
	}
}

// What a gateway's lane is: held while it lets nothing through, but not while it waits to be tried.
func TestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := ordinary()
		p.charge = payment.Outcome{Reason: "timeout", Failure: true}
		paced := gateway.Limit("main", p, gateway.Limits{
			Tries: 1, Now: time.Now, MaxOutage: time.Minute,
			Circuit: gateway.CircuitLimits{Window: 4, Minimum: 2, FailurePercent: 50, OpenFor: 10 * time.Second, HalfOpen: 1},
		})
		defer paced.Close()
		all := steps.Gateways{"main": paced}
		require.Equal(t, batch.LaneOpen, all.State("main"))
		require.Equal(t, batch.LaneOpen, all.State("gone"), "its rows cost no call")
		for range 2 {
			paced.Charge(t.Context(), payment.Charge{}, false)
		}
		require.Equal(t, batch.LaneHeld, all.State("main"))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Equal(t, batch.LaneOpen, all.State("main"), "it needs somebody to try it")
		paced.Charge(t.Context(), payment.Charge{}, false)
		require.Equal(t, batch.LaneHeld, all.State("main"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		paced.Charge(t.Context(), payment.Charge{}, false)
		require.Equal(t, batch.LaneClosed, all.State("main"))
	})
}

// A look-up that is tried again and again does not outlast the wish to stop.
func TestRecoveryHearsAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := ordinary()
		p.found = gateway.Finding{Outcome: payment.Outcome{Kind: payment.InDoubt, Reason: "502"}}
		paced := gateway.Limit("main", p, gateway.Limits{Tries: 9, Backoff: time.Hour, MaxElapsed: 24 * time.Hour, Now: time.Now})
		defer paced.Close()
		recovery := &steps.UnsettledAttempts{
			Gateways: steps.Gateways{"main": paced}, Controls: &steps.Controls{Now: time.Now}, Doubts: &steps.Doubts{},
			Brake: &steps.Brake{}, Now: time.Now,
		}
		item := claimed(time.Hour)
		item.Doubted = true
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		began := time.Now()
		got := process(ctx, t, recovery, item, func(x *batch.StepExecution) {
			x.Lease.Renew(time.Now().Add(48 * time.Hour))
			time.AfterFunc(500*time.Millisecond, stop)
		})
		require.Equal(t, 500*time.Millisecond, time.Since(began), "not only at the end of the drain")
		require.Equal(t, payment.InDoubt, got.Answer.Outcome.Kind)
	})
}
