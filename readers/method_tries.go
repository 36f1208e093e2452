package readers

import (
	"context"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/network"
	"duly/internal/payment"
	"duly/internal/store"
)

// keyOf is what a card network counts the charge of an amount from a subscription by.
func keyOf(s billing.Subscription, money payment.Money) network.Key {
	return network.Key{Gateway: s.Gateway, Method: s.Method, Money: money}
}

// ledger reads the tries of the methods of keys, each of which stands there as often as it is to be tried. Where they are many the rows are read
// again and locked, so that claims of one method follow each other, and each counts what the one before has made.
func ledger(ctx context.Context, tx *sqlx.Tx, rules network.Rules, keys []network.Key, methods []string, now time.Time) (*network.Ledger, error) {
	l := &network.Ledger{Rules: rules, Now: now}
	if !rules.On || len(methods) == 0 {
		return l, nil
	}
	var err error
	if l.Tries, err = store.TriesOf(ctx, tx, methods, now, ""); err != nil {
		return l, err
	}
	count := make(map[network.Key]int, len(l.Tries))
	var many []string
	for _, k := range keys {
		if n := len(l.Tries[k]); n > 0 {
			if count[k]++; n+count[k] >= rules.Few() {
				many = append(many, k.Method)
			}
		}
	}
	if len(many) == 0 {
		return l, nil
	}
	slices.Sort(many)
	locked, err := store.TriesOf(ctx, tx, slices.Compact(many), now, " FOR UPDATE")
	for k, tries := range locked {
		l.Tries[k] = tries
	}
	return l, err
}

// methodsOf lists the methods of keys, each once.
func methodsOf(keys []network.Key) []string {
	methods := make([]string, len(keys))
	for i, k := range keys {
		methods[i] = k.Method
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}

// mostOften is how often the method that stands there most often does.
func mostOften(methods []string) int {
	most, n, last := 0, 0, ""
	for _, m := range slices.Sorted(slices.Values(methods)) {
		if m != last {
			n, last = 0, m
		}
		n++
		most = max(most, n)
	}
	return most
}
