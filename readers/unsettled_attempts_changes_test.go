package readers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/changes"
	"duly/internal/test/worktest"
)

// An attempt is not sent again for a subscription that is cancelled, or has another payment method, by a planned change that is due: the claim that
// follows applies it.
func TestDoubtKnowsWhatIsPlanned(t *testing.T) {
	t.Parallel()
	day := worktest.Day(t, "2026-02-01")
	for plan, chargeable := range map[string]bool{
		"'2026-02-01', 'cancel', NULL":         false,
		"'2026-02-02', 'cancel', NULL":         true,
		"'2026-02-01', 'method', 'pm_ok:new'":  false,
		"'2026-02-01', 'method', NULL":         false,
		"'2026-02-02', 'method', NULL":         true,
		"'2026-02-01', 'pause', NULL":          true,
		"'2026-02-01', 'one_off_amount', '0'":  true,
		"'2026-02-01', 'amount', 'impossible'": true,
	} {
		t.Run(plan, func(t *testing.T) {
			plain := left(t, 2)
			worktest.Exec(t, plain, `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value) VALUES (1, `+plan+`)`)
			db := worktest.Open(t, plain.DSN)
			reader := doubt(db)
			var err error
			reader.Changes, _, err = changes.Open(t.Context(), db, billing.IssuePolicy{Business: day, Effective: day})
			require.NoError(t, err)
			items, _ := Make(t, db, reader, 2)
			require.Len(t, items, 2)
			require.Equal(t, chargeable, items[0].Chargeable)
			require.True(t, items[1].Chargeable)
			require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM subscription_changes WHERE applied_at IS NOT NULL`))
		})
	}
}
