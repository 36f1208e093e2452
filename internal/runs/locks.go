package runs

import (
	"context"

	"duly/internal/batch"
	"duly/internal/runlock"
)

// orNull is text, or NULL for none.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// boot is the boot that a run with a lock lives in; NULL for a run without one, which no lock proves to be dead.
func (r *Repository) boot(proof string) any {
	if proof == "" {
		return nil
	}
	return orNull(r.Locks.Boot())
}

// lock takes the lock of the run that is to have the token, and the proof that its row begins with; without one the run goes on as
// well, and its lease is waited for if it dies.
func (r *Repository) lock(token []byte) (*runlock.Lock, string) {
	lock, err := r.Locks.Take(token)
	if err == nil {
		var proof string
		if proof, err = lock.Next(); err == nil {
			return lock, proof
		}
		lock.Release(true)
	}
	r.reportUnlocked(err)
	return nil, ""
}

// reportUnlocked reports that no lock proves any more that the run lives: once, and not with every heartbeat.
func (r *Repository) reportUnlocked(err error) {
	r.mu.Lock()
	reported := r.reported
	r.reported = true
	r.mu.Unlock()
	if r.Unlocked != nil && !reported {
		r.Unlocked(err)
	}
}

// keep holds the lock for as long as the run lasts.
func (r *Repository) keep(run *batch.Run, lock *runlock.Lock, proof string) {
	lock.Confirm(proof)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.held = map[uint64]*runlock.Lock{}
	}
	r.held[run.ID] = lock
}

// next is the proof that the next heartbeat of a run writes; confirm is to be called when it is in the database. Without a proof
// nobody is able to tell by the lock that the run is dead.
func (r *Repository) next(run *batch.Run) (proof string, confirm func()) {
	r.mu.Lock()
	lock := r.held[run.ID]
	r.mu.Unlock()
	proof, err := lock.Next()
	if err != nil {
		r.reportUnlocked(err)
		return "", func() {}
	}
	return proof, func() {
		lock.Confirm(proof)
		r.mu.Lock()
		r.reported = r.reported && proof == ""
		r.mu.Unlock()
	}
}

// Release gives up the lock of a run that does nothing any more, however it ended. If its end could not be written, its file stays, and
// the next run of this host need not wait for the lease.
func (r *Repository) Release(run *batch.Run) { r.unlock(run, false) }

func (r *Repository) unlock(run *batch.Run, ended bool) {
	if run == nil {
		return
	}
	r.mu.Lock()
	lock := r.held[run.ID]
	delete(r.held, run.ID)
	r.mu.Unlock()
	lock.Release(ended)
}

const leasesOfRunning = `SELECT lease FROM job_runs WHERE status = 'running'`

// tidy removes the files of processes that are gone and whose runs nobody has to prove dead any more. What cannot be found out now is
// left to a later run.
func (r *Repository) tidy(ctx context.Context) {
	found := r.Locks.Leftovers()
	if len(found) == 0 {
		return
	}
	var tokens []string
	err := r.DB.SelectContext(ctx, &tokens, leasesOfRunning)
	running := make(map[string]bool, len(tokens))
	for _, token := range tokens {
		running[token] = true
	}
	for _, file := range found {
		if err != nil || running[string(file.Token)] {
			file.Close()
			continue
		}
		file.Remove()
	}
}
