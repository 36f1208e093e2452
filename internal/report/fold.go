package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/sum"
	"duly/internal/text"
)

const (
	// mostGroups is how many groups of rows that need a person are shown, and mostIDs how many ids of each.
	mostGroups = 6
	mostIDs    = 3
)

// foldView is the first screen.
type foldView struct {
	Figures []figure
	Outcome *outcomeView
	Fix     []string // commands to type after a failure
	Groups  []groupView
	More    string
	Lists   []string // the commands that list all
}

// figure is one of the few numbers that matter most.
type figure struct {
	Name   string
	Sums   []sumView
	Text   string // beside or instead of Sums
	Others []sumsView
}

// sumView is money in one currency.
type sumView struct{ Currency, Amount string }

// sumsView is money of a kind.
type sumsView struct {
	Of   string
	Sums []sumView
}

// groupView are rows that need a person for the same reason.
type groupView struct {
	What, Reason, IDs, New, Since, Command string
	Sums                                   []sumView
}

func foldOf(p Page) foldView {
	v := foldView{Figures: figuresOf(p.Runs), Outcome: outcomeOf(p.Runs, Charges)}
	var groups []group
	var more int64
	for _, r := range p.Runs {
		if r.failed() {
			v.Fix = append(v.Fix, r.Next...)
		}
		groups = append(groups, groupsOf(r)...)
		more += r.Waiting.More
		if r.Waiting.List != "" && len(r.Waiting.Rows) > 0 && !slices.Contains(v.Lists, r.Waiting.List) {
			v.Lists = append(v.Lists, r.Waiting.List)
		}
	}
	for i, g := range groups {
		if i < mostGroups {
			v.Groups = append(v.Groups, g.view(p.Zone))
			continue
		}
		more += int64(len(g.rows))
	}
	if more > 0 {
		v.More = "and " + plural(more, "more row")
	}
	return v
}

// failed reports whether the run needs a fix before it can go on.
func (r Run) failed() bool { return r.Exit != nil && (*r.Exit == 1 || *r.Exit == 2) }

// figuresOf adds up the money of the runs. Money that was refunded is not part of what was collected.
func figuresOf(runs []Run) []figure {
	charged, ordered, refunded := map[string]int64{}, map[string]int64{}, map[string]int64{}
	var succeeded, decided, released, waiting int64
	var unpaid *Unpaid
	charges, orders := false, false
	for _, r := range runs {
		if r.Unpaid != nil {
			unpaid, charges = r.Unpaid, true
		}
		waiting += int64(len(r.Waiting.Rows)) + r.Waiting.More
		for _, s := range r.Steps {
			to := charged
			switch s.Words.Kind {
			case Charges:
				charges, succeeded, decided, released = true, succeeded+s.Succeeded, decided+s.Succeeded+s.Declined, released+s.Released
			case Orders:
				orders, to = true, ordered
			case Refunds:
				to = refunded
			case Audits: // moves no money
			}
			for currency, amount := range s.Amounts {
				to[currency] = sum.Add(to[currency], amount)
			}
		}
	}
	var out []figure
	switch {
	case charges || len(charged) > 0:
		f := figure{Name: "Collected", Sums: sumsOf(charged)}
		if len(charged) == 0 {
			f.Text = "nothing"
		}
		if len(charged) == 0 && released > 0 {
			f.Others = []sumsView{{Of: number(released) + " released, none charged"}}
		}
		if len(ordered) > 0 {
			f.Others = append(f.Others, sumsView{"orders", sumsOf(ordered)})
		}
		out = append(out, f)
	case orders:
		f := figure{Name: "Collected", Sums: sumsOf(ordered)}
		if len(ordered) == 0 {
			f.Text = "nothing"
		}
		out = append(out, f)
	}
	if len(refunded) > 0 {
		out = append(out, figure{Name: "Refunded", Sums: sumsOf(refunded)})
	}
	if unpaid != nil && unpaid.Invoices > 0 {
		out = append(out, figure{Name: "Unpaid", Sums: sumsOf(unpaid.Amounts), Text: plural(unpaid.Invoices, "invoice")})
	}
	if decided > 0 {
		out = append(out, figure{Name: "Success rate", Text: percent(succeeded, decided), Others: []sumsView{{Of: number(succeeded) + " of " + number(decided)}}})
	}
	if waiting > 0 {
		out = append(out, figure{Name: "Needs a person", Text: plural(waiting, "row")})
	}
	return out
}

// sumsOf writes money, the currencies in order.
func sumsOf(sums map[string]int64) []sumView {
	var out []sumView
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		out = append(out, sumView{currency, money(sums[currency], currency)})
	}
	return out
}

// group are the rows of a run that need a person for the same reason.
type group struct {
	reason string
	rows   []Review
	latest time.Time // of the run
}

// groupsOf groups rows whose reasons are alike: those with rows of this run first, then the largest.
func groupsOf(r Run) []group {
	counted := make([]text.Counted, len(r.Waiting.Rows))
	for i, row := range r.Waiting.Rows {
		counted[i] = text.Counted{Kind: row.What, Text: row.Reason, N: 1}
	}
	var out []group
	for _, alike := range text.AlikeRows(counted) {
		g := group{reason: alike.Text, latest: r.latest()}
		for _, i := range alike.Rows {
			g.rows = append(g.rows, r.Waiting.Rows[i])
		}
		out = append(out, g)
	}
	slices.SortStableFunc(out, func(a, b group) int {
		return cmp.Or(cmp.Compare(min(b.isNew(), 1), min(a.isNew(), 1)), cmp.Compare(len(b.rows), len(a.rows)))
	})
	return out
}

func (g group) isNew() int64 {
	var n int64
	for _, row := range g.rows {
		if row.New {
			n++
		}
	}
	return n
}

func (g group) view(zone *time.Location) groupView {
	first := g.rows[0]
	v := groupView{What: plural(int64(len(g.rows)), first.What), Reason: localTimes(g.reason, g.latest, zone), Command: first.Command}
	since, sums := first.Since, map[string]int64{}
	for i, row := range g.rows {
		if row.Since.Before(since) {
			since = row.Since
		}
		if row.Money != nil {
			sums[row.Money.Currency] = sum.Add(sums[row.Money.Currency], row.Money.Amount)
		}
		switch {
		case i >= mostIDs:
		case i > 0:
			v.IDs += ", " + strconv.FormatUint(row.ID, 10)
		default:
			v.IDs = strconv.FormatUint(row.ID, 10)
		}
	}
	if more := len(g.rows) - mostIDs; more > 0 {
		v.IDs += " and " + number(int64(more)) + " more"
	}
	if len(g.rows) == 1 {
		v.What, v.IDs = first.What+" "+v.IDs, ""
	}
	switch n := g.isNew(); {
	case n == int64(len(g.rows)):
		v.New = "new"
	case n > 0:
		v.New = number(n) + " new"
	}
	v.Since, v.Sums = brief(since, g.latest, zone), sumsOf(sums)
	return v
}

// amounts writes money, the currencies in order and joined.
func amounts(sums map[string]int64) string {
	var out []string
	for _, s := range sumsOf(sums) {
		out = append(out, s.Amount)
	}
	return strings.Join(out, " + ")
}
