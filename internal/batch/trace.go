package batch

import "context"

// SpanKind is what a piece of work is.
type SpanKind string

// The kinds of span. A run is made of steps, those that work in chunks of claims and settlements.
const (
	SpanRun    SpanKind = "run"
	SpanStep   SpanKind = "step"
	SpanClaim  SpanKind = "claim"
	SpanSettle SpanKind = "settle"
)

// Span is a piece of a run's work, as a Tracer is told of it.
type Span struct {
	Kind SpanKind
	Run  *Run
	Step string // empty for a run
}

// SpanEnd is how a piece of work ended.
type SpanEnd struct {
	Status StepStatus // of a run or a step
	Exit   int        // of a run
	Items  int        // of a claim or a settlement
	Tally  Tally      // of a run or a step
	Err    error
}

// Tracer is told when a piece of work begins. The context that it returns is that of everything in it, and the function
// is called once at its end. Heartbeats are no span. Both are called concurrently.
type Tracer func(ctx context.Context, s Span) (context.Context, func(SpanEnd))

// begin tells the tracer, if there is one.
func (t Tracer) begin(ctx context.Context, s Span) (context.Context, func(SpanEnd)) {
	if t == nil {
		return ctx, func(SpanEnd) {}
	}
	return t(ctx, s)
}

// span tells the tracer of a part of the step.
func (x *StepExecution) span(kind SpanKind) (context.Context, func(SpanEnd)) {
	return x.trace.begin(x.Work, Span{Kind: kind, Run: x.Run, Step: x.Step})
}
