package methods

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing/network"
)

// Ledger counts the methods of keys, each of which stands there as often as it is to be tried, by what is read of the named methods. Where they were
// tried often the rows are read again and locked, so that claims of one method follow each other, and each counts what the one before has made.
func Ledger(ctx context.Context, tx *sqlx.Tx, rules network.Rules, keys []network.Key, named []string, now time.Time) (*network.Ledger, error) {
	l := &network.Ledger{Rules: rules, Now: now}
	if !rules.Counting() || len(named) == 0 {
		return l, nil
	}
	var err error
	if l.Tries, err = Read(ctx, tx, named, now); err != nil {
		return l, err
	}
	count := make(map[network.Key]int, len(l.Tries))
	var often []string
	for _, k := range keys {
		if n := len(l.Tries[k]); n > 0 {
			if count[k]++; n+count[k] >= rules.Few() {
				often = append(often, k.Method)
			}
		}
	}
	if len(often) == 0 {
		return l, nil
	}
	slices.Sort(often)
	often = slices.Compact(often)
	if err := lock(ctx, tx, often, now); err != nil {
		return l, err
	}
	counted, err := Read(ctx, tx, often, now) // with what the claim that held the locks has made
	maps.Copy(l.Tries, counted)
	return l, err
}

// Names lists the methods of keys that are counted, each once.
func Names(rules network.Rules, keys []network.Key) []string {
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		if rules.Counts(k.Gateway) {
			names = append(names, k.Method)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
