package core

import (
	"slices"
	"time"
)

// landing is a request that is still under way through the network.
type landing struct {
	due   time.Time // by the simulator's clock
	timer *time.Timer
	call  *call
}

// landLater lets c take effect when its delay is over, by the system's timers or because Advance went past.
// It reports false when the simulator is closed.
func (s *Simulator) landLater(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	l := &landing{due: s.clock().Add(c.lateBy), call: c}
	s.late[l] = struct{}{}
	l.timer = time.AfterFunc(c.lateBy, func() {
		s.mu.Lock()
		landings := s.dueLandings(func(other *landing) bool { return other == l })
		s.mu.Unlock()
		s.land(landings)
	})
	return true
}

// nextLanding is the late request that is due first, nil for none, for those who hold mu.
func (s *Simulator) nextLanding() *landing {
	var next *landing
	for l := range s.late {
		if next == nil || l.due.Before(next.due) {
			next = l
		}
	}
	return next
}

// dueLandings takes the selected requests out of the network, in the order in which they were due, for those
// who hold mu. The caller must land them.
func (s *Simulator) dueLandings(selects func(*landing) bool) []*landing {
	var taken []*landing
	for l := range s.late {
		if selects(l) {
			l.timer.Stop()
			delete(s.late, l)
			s.requests.Add(1)
			taken = append(taken, l)
		}
	}
	slices.SortFunc(taken, func(a, b *landing) int { return a.due.Compare(b.due) })
	return taken
}

func (s *Simulator) land(landings []*landing) {
	for _, l := range landings {
		l.call.land()
		s.requests.Done()
	}
}

// land lets a call take effect that nobody waits for.
func (c *call) land() {
	if c.reserve != nil {
		if _, turned := c.reserve(); turned {
			return
		}
	}
	c.effect()
}
