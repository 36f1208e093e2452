package steps_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/steps"
)

// source finds the same controls for every payment.
type source struct {
	payment.Controls

	newest    []payment.Control
	elsewhere string // where every payment was taken
	err       error
}

func (s source) Newest(context.Context, string) ([]payment.Control, error) { return s.newest, s.err }

func (s source) Elsewhere(context.Context, orders.Payment) (string, error) { return s.elsewhere, nil }

func (s source) For(_ context.Context, _ string, spans []payment.Window) ([]payment.Controls, error) {
	out := make([]payment.Controls, len(spans))
	for i := range out {
		out[i] = s.Controls
	}
	return out, s.err
}

// answer is the order of one answer.
func answer(id uint64, gatewayName string, sight payment.LookupResult) orders.Result {
	item := unpaid(time.Hour, gatewayName)
	item.ID, item.Payments[0].ID, item.Payments[0].OrderID = id, id, id
	item.Payments[0].Key = fmt.Sprintf("ord_%d-1", id)
	return orders.Result{Claimed: item, Checked: []orders.Checked{{
		Payment: item.Payments[0], Asked: true, Sight: sight, Guarantees: orders.Guarantees{Known: true, Longest: longest, FindByKey: true, LookupOutlivesKey: true},
	}}}
}

// gated is a gate before the gateway main, which has a payment of ours to show on each side.
func gated(t *testing.T) (*steps.OrderGate, *register) {
	t.Helper()
	early, late := control("earlier", time.Hour, true), control("later", time.Minute, true)
	_, g, r := registered(t, early, late)
	return &steps.OrderGate{
		Gateways: steps.Gateways{"main": g}, Controls: &steps.Controls{Now: time.Now}, Parallelism: 10, Now: time.Now,
		Source: source{Controls: payment.Controls{Earlier: []payment.Control{early}, Later: []payment.Control{late}}},
	}, r
}

// gating runs do in a bubble and a run, with a gate.
func gating(t *testing.T, do func(ctx context.Context, x *batch.StepExecution, gate *steps.OrderGate, r *register)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		gate, r := gated(t)
		worktest.InMemory(t.Context(), t, func(ctx context.Context, x *batch.StepExecution) error {
			do(ctx, x, gate, r)
			return nil
		})
	})
}

// What would end an order without money is held until a control that was asked for after it has passed. All else passes.
func TestTheGateHoldsAbsences(t *testing.T) {
	gating(t, func(ctx context.Context, _ *batch.StepExecution, gate *steps.OrderGate, r *register) {
		for _, sight := range []payment.LookupResult{seen(payment.Succeeded), seen(payment.Pending), {Reason: "timeout"}} {
			require.Len(t, gate.Pass(ctx, answer(1, "main", sight)), 1)
		}
		require.Len(t, gate.Pass(ctx, orders.Result{Claimed: unpaid(0)}), 1)
		require.Len(t, gate.Pass(ctx, orders.Result{Claimed: unpaid(0, "main"), Left: "stopped"}), 1)
		require.Empty(t, gate.Pass(ctx, answer(2, "main", payment.LookupResult{Absent: true})))
		require.Empty(t, gate.Pass(ctx, answer(3, "main", seen(payment.Declined))))
		require.Empty(t, gate.Pass(ctx, answer(4, "main", seen(payment.Canceled))))
		require.Empty(t, r.asked)
		out := gate.Rest(ctx)
		require.Len(t, out, 3)
		for _, result := range out {
			require.Empty(t, result.Left)
			require.True(t, result.Checked[0].Vetting.Proves())
		}
		require.Contains(t, r.asked, "ord_2-1", "and once more for what is absent")
		require.NotContains(t, r.asked, "ord_3-1")
		require.Empty(t, gate.Rest(ctx))
	})
}

// A failed control voids all that is held, and all that the gateway says so later.
func TestAFailedControlVoidsWhatIsHeld(t *testing.T) {
	gating(t, func(ctx context.Context, x *batch.StepExecution, gate *steps.OrderGate, r *register) {
		r.forget("later")
		for id := range uint64(15) {
			require.Empty(t, gate.Pass(ctx, answer(id+1, "main", payment.LookupResult{Absent: true})))
		}
		require.Empty(t, gate.Pass(ctx, answer(16, "main", seen(payment.Declined))))
		out := gate.Rest(ctx)
		require.Len(t, out, 16)
		require.Empty(t, gate.Pass(ctx, answer(17, "main", payment.LookupResult{Absent: true})))
		out = append(out, gate.Rest(ctx)...)
		for _, result := range out {
			require.Contains(t, result.Left, "gateway main does not show payment pay_later, which it took on")
		}
		require.NoError(t, x.Halted(), "the run goes on")
		require.Len(t, gate.Pass(ctx, answer(18, "main", seen(payment.Succeeded))), 1, "what was taken was")
	})
}

// Many absences ask for a control at once, and never stop the run: they may be honest.
func TestManyAbsencesAskForAControl(t *testing.T) {
	gating(t, func(ctx context.Context, x *batch.StepExecution, gate *steps.OrderGate, _ *register) {
		settled := 0
		for id := range uint64(60) {
			out := gate.Pass(ctx, answer(id+1, "main", payment.LookupResult{Absent: true}))
			if id+1 == 20 {
				require.Len(t, out, 20, "more than 60 % of twenty")
			}
			settled += len(out)
		}
		for _, result := range gate.Rest(ctx) {
			require.True(t, result.Checked[0].Vetting.Proves())
			settled++
		}
		require.Equal(t, 60, settled)
		require.NoError(t, x.Halted())
	})
}

// What the gate holds is bounded, whatever the answers.
func TestWhatTheGateHolds(t *testing.T) {
	gating(t, func(ctx context.Context, _ *batch.StepExecution, gate *steps.OrderGate, _ *register) {
		held := 0
		for id := range uint64(200) {
			held += 1 - len(gate.Pass(ctx, answer(id+1, "main", seen(payment.Declined))))
			require.Less(t, held, 40)
		}
		gate.Rest(ctx)
		require.Empty(t, gate.Pass(ctx, answer(300, "main", seen(payment.Declined))))
		for id := range uint64(198) {
			require.Empty(t, gate.Pass(ctx, answer(301+id, "main", seen(payment.Succeeded))))
		}
		require.Len(t, gate.Pass(ctx, answer(500, "main", seen(payment.Succeeded))), 200, "paid orders wait for a few that are not")
	})
}

// An order whose absence is held keeps its place: stock is given to the oldest first.
func TestTheGateKeepsTheOrder(t *testing.T) {
	gating(t, func(ctx context.Context, _ *batch.StepExecution, gate *steps.OrderGate, _ *register) {
		require.Len(t, gate.Pass(ctx, answer(1, "main", seen(payment.Succeeded))), 1, "nothing is before it")
		require.Empty(t, gate.Pass(ctx, answer(3, "main", payment.LookupResult{Absent: true})))
		require.Empty(t, gate.Pass(ctx, answer(6, "main", seen(payment.Succeeded))), "an older order is held")
		require.Empty(t, gate.Pass(ctx, answer(2, "main", seen(payment.Succeeded))))
		require.Len(t, gate.Pass(ctx, orders.Result{Claimed: unpaid(0, "main"), Left: "stopped"}), 1, "nothing is settled of it")
		var ids []uint64
		for _, result := range gate.Rest(ctx) {
			ids = append(ids, result.Claimed.ID)
		}
		require.Equal(t, []uint64{2, 3, 6}, ids)
		require.Len(t, gate.Pass(ctx, answer(7, "main", seen(payment.Succeeded))), 1, "nothing is held any more")
	})
}

// An address that was wrong when a payment was asked about, and right when the controls were, is found out.
func TestAnAddressThatIsPutRightMeanwhile(t *testing.T) {
	gating(t, func(ctx context.Context, _ *batch.StepExecution, gate *steps.OrderGate, r *register) {
		require.Empty(t, gate.Pass(ctx, answer(7, "main", payment.LookupResult{Absent: true})))
		r.shown["ord_7-1"] = *seen(payment.Succeeded).Payment
		out := gate.Rest(ctx)
		require.Len(t, out, 1)
		require.NotNil(t, out[0].Checked[0].Sight.Payment)
		require.False(t, out[0].Checked[0].Sight.Absent)
	})
}

// Without an answer about the controls nothing is ended, and without any the rules decide.
func TestWithoutControlsNothingIsEnded(t *testing.T) {
	for name, c := range map[string]struct {
		change func(gate *steps.OrderGate, r *register)
		left   map[payment.Status]string // by the answer; empty: absent
	}{
		"no answer": {func(_ *steps.OrderGate, r *register) { r.silent["later"] = true }, map[payment.Status]string{
			"": "", payment.Declined: "gateway main did not answer for a payment that it took",
		}},
		"nothing to ask for": {func(gate *steps.OrderGate, _ *register) { gate.Source = source{} }, map[payment.Status]string{"": "", payment.Declined: ""}},
		"the tables cannot be read": {func(gate *steps.OrderGate, _ *register) { gate.Source = source{err: errors.New("gone")} }, map[payment.Status]string{
			"": "the payments that gateway main took could not be read: gone", payment.Declined: "the payments that gateway main took could not be read: gone",
		}},
	} {
		for status, left := range c.left {
			t.Run(name+" "+string(status), func(t *testing.T) {
				gating(t, func(ctx context.Context, _ *batch.StepExecution, gate *steps.OrderGate, r *register) {
					c.change(gate, r)
					sight := payment.LookupResult{Absent: true}
					if status != "" {
						sight = seen(status)
					}
					gate.Pass(ctx, answer(7, "main", sight))
					out := gate.Rest(ctx)
					require.Len(t, out, 1)
					require.Equal(t, left, out[0].Left)
					require.False(t, out[0].Checked[0].Vetting.Proves())
				})
			})
		}
	}
}

// A run that is over leaves what is held.
func TestTheGateOfAStoppedRun(t *testing.T) {
	gating(t, func(ctx context.Context, x *batch.StepExecution, gate *steps.OrderGate, r *register) {
		gate.Pass(ctx, answer(7, "main", payment.LookupResult{Absent: true}))
		r.silent["earlier"] = true
		x.Halt(errors.New("brake"))
		out := gate.Rest(ctx)
		require.Len(t, out, 1)
		require.Equal(t, "halted", out[0].Left)
	})
}
