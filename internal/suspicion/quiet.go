package suspicion

import (
	"context"
	"fmt"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/query"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/witness"
)

// MayHaveLost begins whatever is said of a history that is suspected.
const MayHaveLost = "the database may have been restored or have lost commits"

// Note stores when the suspicion that s comes to was first noted, unless it is stored already, and returns it.
func Note(ctx context.Context, db *mysql.DB, s Evidence) (time.Time, error) {
	if since := s.Since(); !since.IsZero() {
		return since, nil
	}
	return store.SuspectServer(ctx, db, s.Server, s.Suspicion())
}

// QuietFrom is the instant from which no request of a history that was lost by since can arrive any more.
func QuietFrom(ctx context.Context, db *mysql.DB, c *config.Config, since time.Time) (time.Time, error) {
	lease, longest, err := query.LongestTerms(ctx, db)
	if err != nil {
		return time.Time{}, err
	}
	lag := time.Duration(0)
	for _, g := range c.Gateways {
		longest = max(longest, g.LongestRequest)
		if g.List {
			lag = max(lag, g.ListLag)
		}
	}
	return witness.QuietFrom(since, max(lease, c.Run.Lease), longest, lag), nil
}

// Quiet refuses, for a while, what would send or prove something after a loss: until then a request of the lost history may
// arrive, and nobody can find out that it is on its way. next is what to type after that.
func Quiet(ctx context.Context, db *mysql.DB, c *config.Config, since, now time.Time, suspicion, next string) error {
	until, err := QuietFrom(ctx, db, c, since)
	if err != nil {
		return exit.Failed(err)
	}
	if !now.Before(until) {
		return nil
	}
	return exit.With(batch.ExitUnfinished, fmt.Errorf("%s (%s), and requests from before may still arrive until %s: type it again after that: %s",
		MayHaveLost, suspicion, MinuteAfter(until, c), next))
}

// MinuteAfter writes an instant for people, rounded up to the minute.
func MinuteAfter(at time.Time, c *config.Config) string {
	return at.Add(time.Minute-1).Truncate(time.Minute).In(c.Business.Location()).Format("2006-01-02 15:04") + " " + c.Business.Timezone
}

// Settled refuses an operator's command while requests of a history that is lost may still arrive. It notes a suspicion that
// nobody has noted yet.
func Settled(ctx context.Context, ses *session.Session, db *session.Database, next string) error {
	c, err := ses.Load()
	if err != nil {
		return err
	}
	s, err := EvidenceOf(ctx, db.DB, WitnessOf(c))
	if err != nil {
		return exit.Failed(err)
	}
	suspicion := s.Suspicion()
	if suspicion == "" {
		return nil
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	since, err := Note(ctx, db.DB, s)
	if err != nil {
		return exit.Failed(err)
	}
	return Quiet(ctx, db.DB, c, since, business(), suspicion, next)
}
