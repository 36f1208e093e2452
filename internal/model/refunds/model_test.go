package refunds

import (
	"flag"
	"testing"

	"duly/internal/model/search"
	"duly/internal/model/searchtest"
)

var large = flag.Bool("model.large", false, "search the large bounds, and print each scenario's states")

// scenarios makes the searches of a size, each of limit states at most.
func scenarios(size Size, limit int) searchtest.Scenarios[Rule] {
	out := searchtest.Scenarios[Rule]{}
	for _, sc := range size.Scenarios() {
		out[sc.Name] = func(rules Rules, kinds ...search.Violation) search.Result { return Run(sc, rules, limit, kinds...) }
	}
	return out
}

// TestProtocol searches every scenario with every rule on: no violation, and a way to the end of every row.
func TestProtocol(t *testing.T) {
	t.Parallel()
	size, limit := Small(), 500_000
	if *large {
		size, limit = Large(), 15_000_000
	}
	scenarios(size, limit).Protocol(t, AllRules)
}
