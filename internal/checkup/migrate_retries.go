package checkup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"duly/internal/cli"
	"duly/migrations"
)

// migrateRetries is how often a migration is tried again while a table that it changes is in use, and for how long: a query may run for hours.
type migrateRetries struct {
	every, limit time.Duration
}

func defaultRetries() migrateRetries {
	return migrateRetries{every: 3 * time.Second, limit: 10 * time.Minute}
}

// reportEvery is how many tries there are between two lines that say that a migration waits.
const reportEvery = 15

// run calls migrate until it gets its tables, and tells people while it does not.
func (r migrateRetries) run(ctx context.Context, screen *cli.Screen, migrate func() error) error {
	policy := retrypolicy.NewBuilder[any]().
		HandleErrors(migrations.ErrInUse).
		WithDelay(r.every).WithMaxDuration(r.limit).WithMaxRetries(-1).
		ReturnLastFailure().
		OnRetryScheduled(func(e failsafe.ExecutionScheduledEvent[any]) {
			if e.Attempts()%reportEvery == 1 {
				screen.Say(screen.People(), fmt.Sprintf("%v; trying again every %s, for up to %s, without holding up the shop", e.LastError(), r.every, r.limit))
			}
		}).Build()
	err := failsafe.With(policy).WithContext(ctx).Run(migrate)
	if errors.Is(err, migrations.ErrInUse) {
		return fmt.Errorf("%w, and still is after %s; find the connection with SHOW FULL PROCESSLIST, and wait for it or KILL it", err, r.limit)
	}
	return err
}
