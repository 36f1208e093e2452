package leasewait

import (
	"context"
	"fmt"
	"slices"
	"time"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/query"
)

// LookAgain is the interval at which a waiting run checks whether it can go on.
const LookAgain = 200 * time.Millisecond

// Watch is what a run waits for once it has done everything else: other runs own what it was to do. Each of their leases is waited for
// until it is renewed, when what that run has claimed is left to it, or has run out, when it is taken over. The watch lasts for one lease,
// the run's own or the other's, and one heartbeat at most. It is not safe for concurrent use.
type Watch struct {
	Clock, Business func() time.Time
	Heartbeat       time.Duration
	// Owners lists the other runs, not marked as ended, that own what the run was to do.
	Owners func(ctx context.Context) ([]query.Owner, error)
	// Abandon marks runs that are dead as abandoned, and reports whether there were any.
	Abandon func(ctx context.Context, x *batch.StepExecution) (bool, error)
	// Check is when something else is to be looked at again, zero for never; nil: nothing is.
	Check func(ctx context.Context) (time.Time, error)
	// Ended: an owner that has ended is a reason to look again as well, since it may have given up what it had claimed.
	Ended bool

	until time.Time
	beats map[uint64]time.Time // the first heartbeat seen of other runs
	lives []uint64             // runs that renewed their lease
}

// Next waits until there is something to take over; false: there is nothing to wait for, or the run must not wait.
func (w *Watch) Next(ctx context.Context, x *batch.StepExecution) (bool, error) {
	defer x.Await(batch.LeaseWait{})
	if w.beats == nil {
		w.beats, w.until = map[uint64]time.Time{}, w.Clock().Add(x.Run.Lease+w.Heartbeat)
	}
	var before []query.Owner
	for {
		owners, err := w.Owners(x.Work)
		if err != nil {
			return false, fmt.Errorf("look at other runs: %w", mysql.Classify(x.Work, err))
		}
		var check time.Time
		if w.Check != nil {
			if check, err = w.Check(x.Work); err != nil {
				return false, fmt.Errorf("look for the next check: %w", mysql.Classify(x.Work, err))
			}
		}
		if w.Ended && fewer(before, owners) {
			return true, nil
		}
		before = owners
		waiting, now, clock := w.owned(owners, x), w.Business(), w.Clock()
		soon := !check.IsZero() && !clock.Add(check.Sub(now)).After(w.until)
		// Also a check that is due already is waited for: it was not taken up, since its row is locked.
		if !waiting && !soon || clock.After(w.until) || x.Budget.Spent() || x.Halted() != nil || batch.Wait(ctx, LookAgain) != nil {
			return false, nil
		}
		dead, err := w.Abandon(ctx, x)
		if err != nil {
			return false, err
		}
		if dead || soon && !check.After(w.Business()) {
			return true, nil
		}
	}
}

// Lives reports whether a run has renewed its lease during the watch.
func (w *Watch) Lives(run uint64) bool { return w != nil && slices.Contains(w.lives, run) }

// Claims says in a line for each of the owners whose claims it has, see [Claims]. A nil Watch has seen nobody live.
func (w *Watch) Claims(owners []query.Owner, thing string, now time.Time, zone *time.Location) []string {
	var lines []string
	for _, o := range owners {
		lines = append(lines, Claims(o, thing, w.Lives(o.ID), now, zone))
	}
	return lines
}

// fewer reports whether a former owner owns nothing any more.
func fewer(before, now []query.Owner) bool {
	return slices.ContainsFunc(before, func(b query.Owner) bool {
		return !slices.ContainsFunc(now, func(n query.Owner) bool { return n.ID == b.ID })
	})
}

// extend makes the wait long enough for a lease of that length to run out.
func (w *Watch) extend(lease time.Duration) {
	if until := w.Clock().Add(lease + w.Heartbeat); until.After(w.until) {
		w.until = until
	}
}

// owned reports whether another run may still prove to be dead.
func (w *Watch) owned(owners []query.Owner, x *batch.StepExecution) bool {
	waiting := false
	await := func(o query.Owner) {
		if !waiting { // the first is shown
			now, clock := w.Business(), w.Clock()
			x.Await(batch.LeaseWait{Run: o.ID, Host: o.Host, Beat: clock.Add(o.Beat.Sub(now)), Until: clock.Add(o.FreeAt().Sub(now))})
		}
		waiting = true
	}
	for _, o := range owners {
		first, seen := w.beats[o.ID]
		switch {
		case !seen:
			w.beats[o.ID] = o.Beat
			w.extend(time.Duration(o.LeaseMS) * time.Millisecond)
			await(o)
		case o.Beat.After(first):
			if !slices.Contains(w.lives, o.ID) {
				w.lives = append(w.lives, o.ID)
			}
		default:
			await(o)
		}
	}
	return waiting
}
