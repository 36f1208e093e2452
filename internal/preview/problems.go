package preview

import (
	"fmt"
	"slices"

	"duly/internal/billing/guard"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/text"
	"duly/jobs"
)

// Problem counts rows that a run would not do as they stand, or that cannot end well, for one reason.
type Problem struct {
	What   string   `json:"what"`   // subscription, invoice, attempt, order or payment
	Result string   `json:"result"` // review, left or checked
	Why    string   `json:"why"`
	Count  int64    `json:"count"`
	IDs    []uint64 `json:"ids"` // the first few

	guard string // and currency of amounts that are held
}

// What becomes of rows with a problem.
const (
	// ProblemReview: they go to review.
	ProblemReview = "review"
	// ProblemLeft: they are left to a host that knows their gateway.
	ProblemLeft = "left"
	// ProblemChecked: they are worked on all the same, and go to review if the gateway has money of theirs.
	ProblemChecked = "checked"
)

const (
	// problemsNamed is how many different problems a forecast names, and problemIDs how many rows of each.
	problemsNamed = 20
	problemIDs    = 5
)

// problems collects them, in the order of their coming. Its zero value has none.
type problems struct {
	list []Problem
	more int64 // rows of problems that are not listed
}

// add counts a row.
func (p *problems) add(what, result, why string, id uint64) {
	p.addAll(what, result, why, 1, []uint64{id})
}

// addAmount counts a row that is held for its amount. Rows of one guard and currency differ in their numbers alone, and are one
// problem.
func (p *problems) addAmount(what string, held guard.Verdict, currency string, id uint64) {
	guard := string(held.Beyond) + currency
	at := slices.IndexFunc(p.list, func(f Problem) bool { return f.What == what && f.guard == guard })
	if at < 0 {
		p.add(what, ProblemReview, held.Words, id)
		if last := len(p.list) - 1; p.list[last].Why == held.Words {
			p.list[last].guard = guard
		}
		return
	}
	f := &p.list[at]
	if joined := text.Alike([]text.Counted{{Text: f.Why, N: 1}, {Text: held.Words, N: 1}}); len(joined) == 1 {
		f.Why = joined[0].Text
	}
	p.addAll(what, ProblemReview, f.Why, 1, []uint64{id})
}

// addAll counts rows, of which those are the first.
func (p *problems) addAll(what, result, why string, rows int64, ids []uint64) {
	at := slices.IndexFunc(p.list, func(f Problem) bool { return f.What == what && f.Result == result && f.Why == why })
	if at < 0 {
		if len(p.list) >= problemsNamed {
			p.more += rows
			return
		}
		at = len(p.list)
		p.list = append(p.list, Problem{What: what, Result: result, Why: why, IDs: []uint64{}})
	}
	f := &p.list[at]
	f.Count += rows
	f.IDs = append(f.IDs, ids[:min(len(ids), problemIDs-len(f.IDs))]...)
}

// elsewhere adds rows of gateways that are not configured on this host, and counts them.
func (p *problems) elsewhere(what string, list []query.Elsewhere) (rows int64) {
	for _, e := range list {
		p.addAll(what, ProblemLeft, unconfigured(e.Gateway), e.Count, e.IDs)
		rows += e.Count
	}
	return rows
}

// named are the problems, never nil.
func (p *problems) named() []Problem { return append([]Problem{}, p.list...) }

// unconfigured says that a gateway is not configured on this host.
func unconfigured(gateway string) string {
	return fmt.Sprintf("gateway %q is not configured here", payment.Cut(gateway, 40))
}

// strangeCurrency says what is wrong with the currency of an order or a payment; empty: nothing. What was paid in a currency
// that was withdrawn since is settled and refunded in it.
func strangeCurrency(currency string) string {
	if payment.KnownCurrency(currency) {
		return ""
	}
	return payment.CurrencyProblem(currency)
}

// closed reports whether the gateway is left alone.
func closed(d jobs.Deps, gateway string) bool {
	g, ok := d.Gateways[gateway]
	if !ok {
		return false
	}
	_, closed := g.Closed()
	return closed
}
