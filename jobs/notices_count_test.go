package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing/notice"
	"duly/internal/noticerows"
	"duly/internal/payment"
	"duly/internal/test/worktest"
)

// A notice that another run has written meanwhile is not counted as this one's.
func TestNoticesOfTwoRunsAreCountedOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1", "pm_ok:2", "pm_ok:3")
	w.policy("warned", "warned", "warned")
	require.Equal(t, batch.ExitDone, w.on("2026-01-24").notices(noticed(), nil).Exit)
	require.EqualValues(t, 3, w.noticesCounted())
	require.Equal(t, batch.ExitDone, w.notices(noticed(), nil).Exit)
	require.Zero(t, w.noticesCounted())

	day := worktest.Day(t, "2026-01-31")
	list := []notice.Notice{
		{Subscription: 1, Kind: notice.Upcoming, For: day, Event: payment.Event{Dedupe: "invoice.upcoming:sub_1_20260131"}},
		{Subscription: 2, Kind: notice.Upcoming, For: day, Event: payment.Event{Dedupe: "invoice.upcoming:sub_2_20260131"}},
		{Subscription: 3, Kind: notice.Upcoming, For: day, No: 2, Event: payment.Event{Dedupe: "invoice.upcoming:sub_3_20260131#2"}},
	}
	db := worktest.Open(t, w.plain.DSN)
	at := worktest.Get[time.Time](t, w.plain, `SELECT created_at FROM notices WHERE subscription_id = 1`)
	worktest.Exec(t, w.plain, `UPDATE notices SET created_at = created_at + INTERVAL 1 SECOND WHERE subscription_id = 2`)
	n, err := noticerows.Written(t.Context(), db, list, at)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	n, err = noticerows.Written(t.Context(), db, nil, at)
	require.NoError(t, err)
	require.Zero(t, n)
}
