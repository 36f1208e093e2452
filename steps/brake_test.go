package steps_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/steps"
)

// answerOf is an answer of a gateway, as a step hands it on.
func answerOf(name string, o payment.Outcome) billing.Result {
	r := billing.Result{Answer: billing.Answer{Outcome: o}}
	r.Claimed.Gateway = name
	return r
}

func lost() payment.Outcome {
	return payment.Outcome{Kind: payment.Refused, Decline: payment.Decline{Class: payment.Hard}}
}

// A gateway is judged once half of the bad answers that it takes to stop it are stored, each by its own.
func TestBrakeAsksForAJudgement(t *testing.T) {
	brake := &steps.Brake{}
	brake.Judged("main", 20)
	brake.Judged("other", 20)
	var bad []billing.Result
	for range 9 {
		bad = append(bad, answerOf("main", lost()))
		brake.Watch("main", lost())
		brake.Watch("main", payment.Outcome{Kind: payment.Paid})
	}
	require.Empty(t, brake.Stored(bad))
	brake.Watch("main", lost())
	require.Equal(t, []string{"main"}, brake.Stored(bad[:1]))
	brake.Judged("main", 10)
	require.Empty(t, brake.Stored(nil))
	for range 5 {
		brake.Watch("main", lost())
	}
	require.Empty(t, brake.Stored([]billing.Result{answerOf("other", payment.Outcome{Kind: payment.Paid})}), "a judgement would not know them yet")
	require.Equal(t, []string{"main"}, brake.Stored(bad[:5]))
}

// Once so many answers were bad that the gateway may have to be stopped, nothing more is sent there before it is judged. Other
// gateways go on, and what waits hears that the run ends.
func TestBrakeHoldsRequestsBack(t *testing.T) {
	for name, c := range map[string]struct {
		then  func(brake *steps.Brake, g *gateway.Limited, stop func(), x *batch.StepExecution)
		sends bool
	}{
		"judged": {func(brake *steps.Brake, _ *gateway.Limited, _ func(), _ *batch.StepExecution) {
			brake.Stored([]billing.Result{answerOf("main", lost()), answerOf("main", lost())})
			brake.Judged("main", 1)
		}, true},
		"stopped": {func(brake *steps.Brake, g *gateway.Limited, _ func(), _ *batch.StepExecution) {
			g.LeaveAlone("brake")
			brake.Stopped("main")
		}, false},
		"never judged":  {func(*steps.Brake, *gateway.Limited, func(), *batch.StepExecution) { time.Sleep(worktest.Lease) }, false},
		"the run stops": {func(_ *steps.Brake, _ *gateway.Limited, stop func(), _ *batch.StepExecution) { stop() }, false},
		"the run halts": {func(_ *steps.Brake, _ *gateway.Limited, _ func(), x *batch.StepExecution) { x.Halt(batch.ErrHalt) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := ordinary()
				brake := &steps.Brake{}
				brake.Judged("main", 2)
				brake.Watch("main", lost())
				brake.Watch("main", lost())
				paced := gateways(t, p)
				charge := &steps.OpenInvoices{Gateways: paced, Brake: brake, Now: time.Now}
				ctx, stop := context.WithCancel(t.Context())
				worktest.InMemory(ctx, t, func(ctx context.Context, x *batch.StepExecution) error {
					done := make(chan billing.Result)
					go func() {
						result, err := charge.Process(ctx, claimed(0))
						assert.NoError(t, err)
						done <- result
					}()
					time.Sleep(time.Second)
					require.Empty(t, p.sent)
					select {
					case <-done:
						require.Fail(t, "it does not wait")
					default:
					}
					c.then(brake, paced["main"], stop, x)
					result := <-done
					require.Equal(t, c.sends, len(p.sent) > 0)
					if !c.sends {
						require.Equal(t, payment.NotExecuted, result.Answer.Outcome.Kind)
					}
					return nil
				})
				stop()
			})
		})
	}
}
