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

// asking is how a migration asks for a table that others use: a second at a time, after which it leaves the table to them for the time
// between. It gives up in the end, since a query may run for hours.
type asking struct {
	between, end time.Duration
}

// patiently is what people wait for.
func patiently() asking { return asking{between: 3 * time.Second, end: 10 * time.Minute} }

// sayEvery is after how many tries people are told again.
const sayEvery = 15

// whenFree runs migrate, and again while a table that it changes is in use.
func (a asking) whenFree(ctx context.Context, screen *cli.Screen, migrate func() error) error {
	policy := retrypolicy.NewBuilder[any]().
		HandleErrors(migrations.ErrInUse).
		WithDelay(a.between).WithMaxDuration(a.end).WithMaxRetries(-1).
		ReturnLastFailure().
		OnRetryScheduled(func(e failsafe.ExecutionScheduledEvent[any]) {
			if e.Attempts()%sayEvery == 1 {
				screen.Say(screen.People(), fmt.Sprintf("%v: what uses it goes on; asking again every %s, for %s", e.LastError(), a.between, a.end))
			}
		}).Build()
	err := failsafe.With(policy).WithContext(ctx).Run(migrate)
	if errors.Is(err, migrations.ErrInUse) {
		return fmt.Errorf("%w, after asking for %s; SHOW FULL PROCESSLIST names the transaction or the query: let it end, or end it", err, a.end)
	}
	return err
}
