package steps_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/steps"
)

// past is a history that answers as it is told.
type past struct {
	clear   func() error
	first   billing.LookUps
	err     error
	later   billing.LookUps
	unknown int
	told    []payment.Payment
	lists   map[string]*payment.Payment // by key
}

func (h *past) Clear(context.Context, string) error {
	if h.clear == nil {
		return nil
	}
	return h.clear()
}

func (h *past) FirstSend(billing.Claimed) (billing.LookUps, error) { return h.first, h.err }

func (h *past) Later(context.Context, billing.Claimed) (billing.LookUps, error) { return h.later, nil }

func (h *past) Listed(_, key string) *payment.Payment { return h.lists[key] }

func (h *past) Unknown(_ context.Context, _ string, found []payment.Payment) (int, error) {
	h.told = append(h.told, found...)
	return h.unknown, nil
}

var nothing = billing.LookUps{First: 1, Last: 0}

// What excused a request from a look-up is judged again when it leaves: it may have waited for longer than its key lives.
func TestAnExcuseIsJudgedAgainAtTheSend(t *testing.T) {
	for _, c := range []struct {
		name   string
		within time.Duration
		waits  time.Duration
		sent   bool
	}{
		{"at once", time.Hour, 0, true},
		{"at the last moment", time.Hour, time.Hour - 1, true},
		{"too late", time.Hour, time.Hour, false},
		{"excused for good", 0, time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := ordinary()
				slow := &waiting{provider: p, waits: c.waits}
				paced := gateway.Limit("main", slow, gateway.Limits{Tries: 1, Now: time.Now})
				defer paced.Close()
				h := &past{first: nothing}
				h.first.Within = c.within
				charge := &steps.OpenInvoices{Gateways: steps.Gateways{"main": paced}, Brake: &steps.Brake{}, Now: time.Now, History: h}
				got := process(t.Context(), t, charge, claimed(0), func(x *batch.StepExecution) { x.Lease.Renew(time.Now().Add(2 * time.Hour)) })
				if c.sent {
					require.Len(t, p.sent, 1)
					return
				}
				require.Empty(t, p.sent)
				require.Equal(t, payment.NotExecuted, got.Answer.Outcome.Kind)
				require.Contains(t, got.Answer.Outcome.Reason, "looked up first")
			})
		})
	}
}

// waiting is a gateway that waits before each request leaves.
type waiting struct {
	*provider

	waits time.Duration
}

func (w *waiting) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	time.Sleep(w.waits)
	return w.provider.Charge(ctx, c)
}

// Before an attempt is sent again or released its gateway is asked for later numbers of its key, which a history that was
// lost may have come to.
func TestRecoveryLooksUpLaterNumbers(t *testing.T) {
	const young, old = time.Hour, keyLife + longest + time.Minute
	second := func(status payment.Status) payment.Payment {
		return payment.Payment{ID: "pay_2", Key: "sub_1_20260131-2", Reference: "sub_1_20260131", Status: status}
	}
	for _, c := range []struct {
		name    string
		age     time.Duration
		later   *payment.Payment
		silent  bool
		unknown int
		goes    bool
		reason  string
	}{
		{name: "nothing later", age: young, goes: true},
		{name: "a later success that is unknown", age: young, later: new(second(payment.Succeeded)), unknown: 1, reason: "duly adopt main"},
		{name: "a later decline that is unknown", age: young, later: new(second(payment.Declined)), unknown: 1, reason: "duly adopt main"},
		{name: "a later success that an attempt accounts for", age: young, later: new(second(payment.Succeeded)), reason: "which is settled first"},
		{name: "a later decline that an attempt accounts for", age: young, later: new(second(payment.Declined)), goes: true},
		{name: "no answer", age: young, silent: true, reason: "could not be looked up: timeout"},
		{name: "nothing later, and absent for good", age: old, goes: true},
		{name: "a later success, and absent for good", age: old, later: new(second(payment.Succeeded)), unknown: 1, reason: "duly adopt main"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &register{provider: ordinary(), shown: shows(control("earlier", 0, true), control("later", 0, true)), silent: map[string]bool{}}
				r.provider.found = gateway.Finding{Absent: true}
				r.silent["sub_1_20260131-3"] = c.silent
				if c.later != nil {
					r.shown[c.later.Key] = *c.later
				}
				h := &past{later: billing.LookUps{First: 2, Last: 3}, unknown: c.unknown}
				item := claimed(c.age)
				item.Doubted, item.CreatedAt = true, time.Now().Add(-c.age)
				both(&item)
				got := recovered(t, r, h, item)
				if c.goes {
					require.Equal(t, c.age == young, len(r.provider.sent) == 1)
					require.Equal(t, c.age == old, got.Verdict == billing.NeverSeen)
					return
				}
				require.Empty(t, r.provider.sent)
				require.Equal(t, billing.Answered, got.Verdict)
				require.Equal(t, payment.InDoubt, got.Answer.Outcome.Kind)
				require.Contains(t, got.Answer.Outcome.Reason, c.reason)
				if c.later != nil {
					require.Equal(t, []payment.Payment{*c.later}, h.told)
				}
			})
		})
	}
}

// A control is asked for after everything else that a send has to wait for: the address may have moved meanwhile.
func TestControlsAreAskedForAfterTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &register{provider: ordinary(), shown: shows(control("earlier", 0, true)), silent: map[string]bool{}}
		r.provider.found = gateway.Finding{Absent: true}
		h := &past{later: nothing, clear: func() error {
			time.Sleep(time.Minute)
			r.forget("earlier")
			return nil
		}}
		item := claimed(time.Hour)
		item.Doubted, item.CreatedAt = true, time.Now().Add(-time.Hour)
		both(&item)
		got := recovered(t, r, h, item)
		require.Empty(t, r.provider.sent)
		require.Contains(t, got.Answer.Outcome.Reason, "wrong URL or account")
	})
}

// recovered is what recovery makes of an item at a gateway.
func recovered(t *testing.T, r *register, h steps.History, item billing.Claimed) billing.Result {
	t.Helper()
	paced := gateway.Limit("main", r, gateway.Limits{Tries: 1, Now: time.Now})
	defer paced.Close()
	recovery := &steps.UnsettledAttempts{
		Gateways: steps.Gateways{"main": paced}, Controls: &steps.Controls{Now: time.Now}, Doubts: &steps.Doubts{},
		Brake: &steps.Brake{}, Now: time.Now, History: h,
	}
	return process(t.Context(), t, recovery, item, func(x *batch.StepExecution) { x.Lease.Renew(time.Now().Add(2 * time.Hour)) })
}

// What a gateway lists under the key of an attempt outweighs that it does not know the key: such an attempt is neither sent
// again nor released.
func TestWhatIsListedOutweighsWhatIsNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		age    time.Duration
		status payment.Status
		kind   payment.Kind
		found  bool
	}{
		"taken, and the key lives":  {time.Hour, payment.Succeeded, payment.Paid, true},
		"taken, and the key is old": {keyLife + longest + time.Minute, payment.Succeeded, payment.Paid, true},
		"not decided":               {keyLife + longest + time.Minute, payment.Pending, payment.InDoubt, false},
		"declined":                  {keyLife + longest + time.Minute, payment.Declined, payment.Refused, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &register{provider: ordinary(), shown: shows(control("earlier", 0, true), control("later", 0, true)), silent: map[string]bool{}}
				r.provider.found = gateway.Finding{Absent: true}
				item := claimed(c.age)
				item.Doubted, item.CreatedAt = true, time.Now().Add(-c.age)
				both(&item)
				listed := payment.Payment{
					ID: "pay_9", Key: item.Charge.Key, Reference: item.Charge.Reference, Status: c.status, Decline: payment.Decline{Class: payment.Soft},
				}
				got := recovered(t, r, &past{later: nothing, lists: map[string]*payment.Payment{item.Charge.Key: &listed}}, item)
				require.Empty(t, r.provider.sent)
				require.Equal(t, billing.Answered, got.Verdict)
				require.Equal(t, c.kind, got.Answer.Outcome.Kind)
				require.Equal(t, c.found, got.Answer.Found)
			})
		})
	}
}
