package core

import "context"

type witnessKey struct{}

// WithWitness returns a context whose request's answer is reported right before it is written: lawful is false for one
// that a fault or an outage has spoiled, so that it need not be what the provider documents.
func WithWitness(ctx context.Context, report func(lawful bool)) context.Context {
	return context.WithValue(ctx, witnessKey{}, report)
}

func testify(ctx context.Context, a Answer) {
	if report, ok := ctx.Value(witnessKey{}).(func(lawful bool)); ok {
		report(!a.spoiled && !a.half && !a.dropped)
	}
}

// broken is a, as one that need not be what the provider documents.
func (a Answer) broken() Answer {
	a.spoiled = true
	return a
}
