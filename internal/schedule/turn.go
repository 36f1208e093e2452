package schedule

// turn is where a job stands. One firing of a job is taken, run and written down at a time.
type turn struct {
	busy    bool // a firing is being taken, run or written down
	running bool // its job is under way
	due     bool // another time came while a firing was being taken or written down
}

// Answers to a time that has come.
type answer int

const (
	fireNow  answer = iota
	notAgain        // the job is under way: it is not begun again
	later           // the scheduler that runs the job sees to it
)

// came notes that a time of a job has come.
func (s *Scheduler) came(job string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turns == nil {
		s.turns = map[string]*turn{}
	}
	t := s.turns[job]
	if t == nil {
		t = &turn{}
		s.turns[job] = t
	}
	switch {
	case t.running:
		return notAgain
	case t.busy:
		t.due = true
		return later
	}
	t.busy = true
	return fireNow
}

// under notes whether a job is under way.
func (s *Scheduler) under(job string, running bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns[job].running = running
}

// over ends a turn. It reports whether another time came meanwhile: the turn goes on then.
func (s *Scheduler) over(job string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.turns[job]
	t.busy, t.due = t.due, false
	return t.busy
}
