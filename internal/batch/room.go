package batch

import (
	"context"
	"time"
)

// Rooms counts what one claim takes of each lane against the room that there is. A claim that is repeated needs
// a new one.
type Rooms struct {
	room  func(lane string) int
	taken map[string]int
}

// Rooms returns the room for one claim.
func (w ClaimRequest) Rooms() *Rooms { return &Rooms{room: w.Room, taken: map[string]int{}} }

// Take reports whether another item of a lane may be claimed, and counts it if so.
func (r *Rooms) Take(lane string) bool {
	if r.room == nil {
		return true
	}
	if r.taken[lane] >= r.room(lane) {
		return false
	}
	r.taken[lane]++
	return true
}

// awaitRoom returns once a claim may be made, and reports whether it is to be one of what was postponed. Such
// claims and those of the walk take turns where both may be made. Items in lanes that are not open wait for their own
// lane and take no room from the others. After a walk that is done, but for what it postponed, the next begins once a
// lane that it passed over has opened.
func (e *chunkRun[I, O]) awaitRoom(ctx context.Context, done bool, lanes []string, last bool) (postponed bool, err error) {
	idle := e.Idle != nil
	for began := e.x.Now(); ; {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		unsettled, window, err := e.load()
		if err != nil {
			return false, err
		}
		if err := e.x.Halted(); err != nil {
			return false, err
		}
		walk := unsettled+e.Size <= window && (!done || e.reopened())
		switch waits := e.ready(lanes); {
		case waits && (!walk || !last):
			return true, nil
		case walk:
			if done {
				e.walkAgain()
			}
			return false, nil
		}
		if idle && e.outsideIsSlow(began) {
			idle = e.Idle(e.x.Work)
			continue
		}
		if err := e.awaitMove(ctx); err != nil {
			return false, err
		}
	}
}

// outsideIsSlow reports whether claims have waited for [idleAfter] since began, and the database is not what they wait for: nothing is being
// settled, nor was within [recheck]. Settlements of a busy database follow each other at once.
func (e *chunkRun[I, O]) outsideIsSlow(began time.Time) bool {
	now := e.x.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.settling && Since(began, now) >= idleAfter && (e.settledAt.IsZero() || Since(e.settledAt, now) >= recheck)
}

// load returns how many items are claimed and unsettled in the lanes that are open, and how many may be.
func (e *chunkRun[I, O]) load() (unsettled, window int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	window = 2 * e.Size
	clear(e.shut)
	for name, l := range e.lanes {
		if e.State(name) != LaneOpen {
			e.shut[name] = true
			continue
		}
		unsettled += l.unsettled
		window = max(window, e.Size+2*e.pace(l))
	}
	return unsettled, window, e.failed
}

// pace is how many items of a lane are processed at once at the moment.
func (e *chunkRun[I, O]) pace(l *lane[I]) int {
	if e.Pace == nil {
		return l.width
	}
	return min(l.width, max(1, e.Pace(l.name)))
}

// ready reports whether there is room in a lane of which items were postponed, or one of them is not open: its items
// are left then.
func (e *chunkRun[I, O]) ready(lanes []string) bool {
	for _, name := range lanes {
		if e.State(name) != LaneOpen || e.room(name) > 0 {
			return true
		}
	}
	return false
}

// reopened reports whether a lane that was passed over is open.
func (e *chunkRun[I, O]) reopened() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name := range e.skipped {
		if e.State(name) == LaneOpen && !e.shut[name] {
			return true
		}
	}
	return false
}

// walkAgain forgets which lanes were passed over: all of them are walked again.
func (e *chunkRun[I, O]) walkAgain() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.skipped)
}

func (e *chunkRun[I, O]) awaitMove(ctx context.Context) error {
	timer := time.NewTimer(recheck)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-e.moved:
	case <-timer.C:
	}
	return nil
}

// bound is how many items of a lane may be claimed and unsettled at once; 0 for no bound.
func (e *chunkRun[I, O]) bound(name string) int {
	if e.Bound == nil {
		return 0
	}
	return e.Bound(name)
}

// room is how many items of a lane may be claimed now.
func (e *chunkRun[I, O]) room(name string) int {
	bound := e.bound(name)
	if bound == 0 {
		return e.Size
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.lanes[name]; l != nil {
		bound -= l.unsettled
	}
	return max(0, bound)
}

// short reports whether a chunk to settle holds half of what a bounded lane may claim: the lane would stand still
// while the chunk waits to be filled.
func (e *chunkRun[I, O]) short(chunk []origin, name string) bool {
	bound := e.bound(name)
	if bound == 0 {
		return false
	}
	n := 0
	for _, o := range chunk {
		if o.lane == name {
			n++
		}
	}
	return 2*n >= bound
}
