package report

import (
	"cmp"
	"maps"
	"slices"

	"duly/internal/sum"
)

// sumView is what was moved in one currency.
type sumView struct {
	Currency, Amount string
	Bar              []segment // by step; none if it all came from one
	Parts            []partView
}

// partView is what one step moved.
type partView struct{ Step, Class, Amount, Share string }

// sumsOf adds up the money of steps by currency, the currencies in order: that which was collected, or which was given
// back.
func sumsOf(steps []Step, back bool) []sumView {
	totals := map[string]int64{}
	for _, s := range steps {
		if givesBack(s.Name) == back {
			for currency, amount := range s.Amounts {
				totals[currency] = sum.Add(totals[currency], amount)
			}
		}
	}
	var out []sumView
	for _, currency := range sortedKeys(totals) {
		v := sumView{Currency: currency, Amount: money(totals[currency], currency)}
		var bar []slice
		for _, s := range steps {
			amount := s.Amounts[currency]
			if givesBack(s.Name) != back || amount == 0 {
				continue
			}
			class := shadeOf(s.Name)
			part := partView{s.Name, class, money(amount, currency), percent(amount, totals[currency])}
			v.Parts = append(v.Parts, part)
			bar = append(bar, slice{class, amount, part.Step + ": " + part.Amount + " (" + part.Share + ")"})
		}
		if len(bar) > 1 {
			v.Bar = segments(bar)
		}
		out = append(out, v)
	}
	return out
}

// shadeOf is the class of a step's part of a bar: the same in every currency, and another than its neighbours'.
func shadeOf(step string) string {
	n, staged := stage(step)
	switch {
	case staged && n%2 == 1:
		return "shade"
	case staged && n > 0:
		return "shade-2"
	case charging(step) && !staged:
		return "shade-3"
	}
	return "succeeded"
}

// amounts writes sums, a currency each.
func amounts(sums map[string]int64) []string {
	var out []string
	for _, currency := range sortedKeys(sums) {
		out = append(out, money(sums[currency], currency))
	}
	return out
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
