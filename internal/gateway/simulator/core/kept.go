package core

import "time"

// kept is what is remembered of a key whose answers are stored whole.
type kept struct {
	answer Answer
	by     uint64    // the body that was answered
	at     time.Time // zero: nothing is kept
	busy   bool
}

// hold marks a scope as under way, or turns the request away because it is already; for those who hold mu.
func (s *Simulator) hold(scope string) (Answer, bool) {
	if scope == "" || s.cfg.NoKeys {
		return Answer{}, false
	}
	memory := s.memory(scope)
	if memory.busy {
		return s.dialect.Refuse(UnderWay, ""), true
	}
	memory.busy = true
	return Answer{}, false
}

// holdLocked is hold for those who do not hold mu.
func (s *Simulator) holdLocked(scope string) (Answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hold(scope)
}

func (s *Simulator) memory(scope string) *kept {
	memory := s.kept[scope]
	if memory == nil {
		memory = &kept{}
		s.kept[scope] = memory
	}
	return memory
}

// once does what was asked for, or repeats what was said to the same scope before; for those who hold mu.
func (s *Simulator) once(scope string, sum uint64, now time.Time, do func() Answer) Answer {
	if scope == "" || s.cfg.NoKeys {
		return do()
	}
	memory := s.memory(scope)
	memory.busy = false
	if !memory.at.IsZero() && s.alive(memory.at, now) {
		if s.rules.SameBody && memory.by != sum {
			return s.dialect.Refuse(KeyReused, "")
		}
		return s.dialect.Replayed(memory.answer)
	}
	a := do()
	memory.at = time.Time{}
	if s.dialect.Keeps(a) && (!s.cfg.ForgetErrors || a.Code < 400) {
		memory.answer, memory.by, memory.at = a, sum, now
	}
	return a
}
