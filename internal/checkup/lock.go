package checkup

import (
	"fmt"

	"duly/config"
	"duly/internal/runlock"
	"duly/internal/runs"
	"duly/internal/text"
)

// lock tries the lock by which a run is known to have died. Without it no money is at risk, and a restart waits: that is a warning.
func (d *Checkup) lock(c *config.Config) {
	const check = "lock"
	if c.Run.LockDir == config.None {
		d.note(check, nil, fmt.Sprintf("none, as run.lock_dir says: after a crash the next run waits for the lease, %s", c.Run.Lease), "")
		return
	}
	host, err := runlock.Open(c.Run.LockDir, c.Database.Address()+" "+c.Database.PrivateDir, d.Screen.Getenv, d.Now)
	if err == nil && host == nil {
		return // not on this system
	}
	where := ""
	if err == nil {
		where, err = tried(host)
	}
	if err == nil {
		d.note(check, nil, "runs are locked in "+where+": one that was killed is taken over at once on this host", "")
		return
	}
	fix := "set run.lock_dir to a folder on tmpfs that belongs to root or to duly's user, such as /run/duly"
	if c.Run.LockDir != "" {
		fix += ", or to none"
	}
	d.found = append(d.found, Check{
		Check: check, OK: true, Mend: fix,
		Detail: fmt.Sprintf("a run that was killed is not taken over at once on this host, the next one waits for its lease (%s): %s", c.Run.Lease, text.Joined(err.Error())),
	})
}

// tried takes a lock as a run does, gives it up, and returns the folder that it was in.
func tried(host *runlock.Host) (dir string, err error) {
	token, err := runs.NewLease()
	if err != nil {
		return "", err
	}
	l, err := host.Take(token)
	if err != nil {
		return "", err
	}
	defer l.Release(true)
	_, err = l.Next()
	return l.Dir(), err
}
