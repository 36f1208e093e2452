package checkup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/cli"
	"duly/migrations"
)

func TestAMigrationIsTriedAgainWhileATableIsInUse(t *testing.T) {
	used := fmt.Errorf("migrate up: 00007_network.sql changes a table that is %w", migrations.ErrInUse)
	var out bytes.Buffer
	screen := cli.NewScreen(nil, &out, &out)
	tries := 0
	err := migrateRetries{every: time.Microsecond, limit: time.Hour}.run(t.Context(), screen, func() error {
		if tries++; tries <= 20 {
			return used
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 21, tries)
	said := "migrate up: 00007_network.sql changes a table that is in use; trying again every 1µs, for up to 1h0m0s, without holding up the shop\n"
	require.Equal(t, said+said, out.String(), "at the first try and at the sixteenth")

	err = migrateRetries{every: time.Millisecond, limit: time.Nanosecond}.run(t.Context(), screen, func() error { return used })
	require.ErrorIs(t, err, migrations.ErrInUse)
	require.ErrorContains(t, err, "SHOW FULL PROCESSLIST")

	other, tries := errors.New("disk full"), 0
	require.Equal(t, other, migrateRetries{every: time.Hour, limit: time.Hour}.run(t.Context(), screen, func() error { tries++; return other }))
	require.Equal(t, 1, tries)

	ctx, interrupt := context.WithCancel(t.Context())
	require.Error(t, migrateRetries{every: time.Hour, limit: time.Hour}.run(ctx, screen, func() error { interrupt(); return used }))
}
