package model

// faults are what may happen to processes, database and URL at any time, as often as the bounds say.
func (m *machine) faults(s State) {
	for w := range workers {
		if s.Crashes < m.Bounds.Crashes && s.Workers[w].Phase > Running {
			dead := s
			dead.Crashes++
			dead.drop(w)
			m.Emit(dead, Move{Kind: Crash, W: w})
		}
	}
	for w := range workers {
		if v := s.Workers[w]; s.Presumed < m.Bounds.Presumed && v.N > 0 && s.mine(w) {
			presumed := s
			presumed.Presumed++
			presumed.disown(w) // it goes on, and sends for as long as it believes in its lease
			m.Emit(presumed, Move{Kind: PresumeDead, W: w})
		}
	}
	if s.Losses < m.Bounds.Losses {
		m.lose(s)
	}
	if m.Other != NoOther && m.Later && (m.Other == Second || s.At == 0) && s.DB.Later>>s.At&1 == 0 {
		other := s
		other.DB.Later |= 1 << s.At
		m.Emit(other, Move{Kind: OtherSuccess})
	}
	if m.Other != NoOther && s.At == 0 && s.Switches < m.Bounds.Switches && (!m.OneWay || s.idle()) {
		away := s
		away.At, away.Switches = 1, s.Switches+1
		m.Emit(away, Move{Kind: SwitchURL})
	}
	if s.At == 1 && !m.OneWay && !s.asking() {
		s.At = 0
		m.Emit(s, Move{Kind: RepairURL})
	}
}

func (s *State) idle() bool { return s.Workers == [workers]Worker{} }

// asking reports whether a worker holds an absence, or is about to: a URL is repaired between processes.
func (s *State) asking() bool {
	for _, w := range s.Workers {
		if w.Phase == Absent || w.Phase == Controlled {
			return true
		}
	}
	return false
}

// lose takes a backup, and brings it back: with the processes dead, or with those alive that were.
func (m *machine) lose(s State) {
	if !s.HasBackup {
		s.HasBackup, s.Backup = true, s.DB
		m.Emit(s, Move{Kind: TakeBackup})
		return
	}
	back := s
	back.DB, back.Backup, back.HasBackup = s.Backup, DB{}, false
	back.Losses, back.Suspect = s.Losses+1, 1
	dead := back
	for w := range workers {
		dead.drop(w)
	}
	for i := range dead.DB.Attempts {
		dead.DB.Attempts[i].Owner = 0
	}
	m.Emit(dead, Move{Kind: Restore})
	if m.Bounds.Survivors {
		for w := range workers {
			switch v := &back.Workers[w]; {
			case v.Phase == Idle:
			case m.on(SameServer) && v.Phase != Ready && v.Phase != Waiting:
				back.drop(w) // its next transaction stops it
			default:
				v.Old = true
			}
		}
		for n := uint8(1); n <= Numbers; n++ {
			if a := back.DB.attempt(n); a.Owner > 0 {
				holder := back.Workers[a.Owner-1]
				if holder.N != n || holder.Lost || a.Age != s.DB.attempt(n).Age {
					a.Owner = 0
				}
			}
		}
		m.Emit(back, Move{Kind: FailOver})
	}
}
