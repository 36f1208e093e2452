package notify_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/notify"
)

// A receiver is asked again while there is time for it, and never for longer.
func TestPersist(t *testing.T) {
	const within = 10 * time.Second
	down, limited := &notify.DeliveryError{Down: true}, &notify.DeliveryError{Down: true, After: 4 * time.Second}
	for name, c := range map[string]struct {
		answers []error // the last one again and again
		takes   time.Duration
		tries   int
		want    error
	}{
		"taken":                {[]error{nil}, 0, 1, nil},
		"refused for good":     {[]error{&notify.DeliveryError{Code: "invalid_auth"}, nil}, 0, 1, &notify.DeliveryError{Code: "invalid_auth"}},
		"another error":        {[]error{errors.ErrUnsupported, nil}, 0, 1, errors.ErrUnsupported},
		"down for a moment":    {[]error{down, nil}, time.Second, 2, nil},
		"down for longer":      {[]error{down, down, down, nil}, 7 * time.Second, 4, nil},
		"down":                 {[]error{down}, 7 * time.Second, 4, down},
		"limited":              {[]error{limited, nil}, 4 * time.Second, 2, nil},
		"limited again":        {[]error{limited, limited, nil}, 8 * time.Second, 3, nil},
		"limited for too long": {[]error{&notify.DeliveryError{Down: true, After: within}, nil}, 0, 1, &notify.DeliveryError{Down: true, After: within}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), within)
				defer cancel()
				began, tries := time.Now(), 0
				err := notify.Persist(ctx, time.Now, func(context.Context) error {
					tries++
					return c.answers[min(tries, len(c.answers))-1]
				})
				require.Equal(t, c.want, err)
				require.Equal(t, c.tries, tries)
				require.Equal(t, c.takes, time.Since(began))
			})
		})
	}
}

// One that is slow has the time and no more, and who is stopped while waiting waits no longer.
func TestPersistEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		err := notify.Persist(ctx, time.Now, func(ctx context.Context) error {
			<-ctx.Done()
			return &notify.DeliveryError{Down: true}
		})
		require.Error(t, err)
		require.Equal(t, 10*time.Second, time.Since(began))
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second/2, cancel)
		began := time.Now()
		require.Error(t, notify.Persist(ctx, time.Now, func(context.Context) error { return &notify.DeliveryError{Down: true} }))
		require.Equal(t, time.Second/2, time.Since(began))
	})
}
