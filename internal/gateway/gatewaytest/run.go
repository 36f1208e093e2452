package gatewaytest

import "context"

// TB is what Run needs of a *testing.T. The package does not import testing, so that programs can use it.
type TB[T any] interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Run(name string, f func(T)) bool
}

// Run runs every case as a subtest, each against a target of its own that open makes. What a target does not
// offer is a failure: a suite that quietly checks less looks like one that passes.
func Run[T TB[T]](t T, open func(t T, c Case) *Target) {
	t.Helper()
	for _, c := range Cases() {
		t.Run(c.Name, func(t T) {
			t.Helper()
			if err := c.Run(t.Context(), open(t, c)); err != nil {
				t.Errorf("%v\n%s", err, c.Why)
			}
		})
	}
}
