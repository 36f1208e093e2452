package jobs_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/announce"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/dunning"
	"duly/internal/preview"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// noticed are policies of which "warned" announces charges a week ahead, and "asked" has the charge wait for the notice.
func noticed() billing.Policy {
	return billing.Policy{RetryDays: []int{1, 3, 5}, Named: map[string]dunning.Policy{
		"warned": {RetryDays: []int{1}, Notice: dunning.Notice{Days: 7}},
		"asked":  {RetryDays: []int{1}, Notice: dunning.Notice{Days: 3, Required: true}},
	}}
}

func byNotices(o *jobs.BillingOptions, _ *batch.Runner) { o.Policy = noticed() }

// notices runs the notices job of a policy as of today, and sees that a dry run foresaw it.
func (w *town) notices(p billing.Policy, change func(*batch.Runner)) batch.Result {
	w.t.Helper()
	deps := w.deps(w.plain.DSN, w.clock(), nil)
	o := announce.Options{Selection: store.Selection{Business: w.today}, Policy: p, CatchUp: billing.CatchUpDefault, ChunkSize: 2}
	forecast, err := preview.Notices(w.t.Context(), deps, o, nil, 100, 0)
	require.NoError(w.t, err)
	before := len(w.written())
	runner := &batch.Runner{Repository: deps.Repository, Heartbeat: deps.Heartbeat, Drain: 5 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(runner)
	}
	spec := worktest.Spec()
	spec.Job, spec.Lease = jobs.NoticesJob, w.lease
	result, err := runner.Run(w.t.Context(), (&announce.Run{DB: deps.DB, Now: deps.Business, Options: o}).Job(func(string) bool { return true }), spec)
	require.NoError(w.t, err)
	require.Len(w.t, forecast.First, len(w.written())-before)
	return result
}

// noticesCounted is how many notices the newest run says that it wrote.
func (w *town) noticesCounted() int64 {
	return worktest.Get[int64](w.t, w.plain, `SELECT CAST(SUM(succeeded) AS SIGNED) FROM step_runs WHERE run_id = (SELECT MAX(id) FROM job_runs)`)
}

// written lists the notices, each with its event.
func (w *town) written() []string {
	w.t.Helper()
	require.Equal(w.t, worktest.Get[int](w.t, w.plain, `SELECT COUNT(*) FROM notices`),
		worktest.Get[int](w.t, w.plain, `SELECT COUNT(*) FROM events WHERE type IN ('invoice.upcoming', 'payment_method.expiring') OR dedupe_key IN (SELECT dedupe_key FROM notices)`), "an event each")
	return worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(' ', n.subscription_id, n.kind, n.for_date, n.no, n.amount, JSON_VALUE(e.payload, '$.amount'), JSON_VALUE(e.payload, '$.charge_date'))
FROM notices n JOIN events e ON e.dedupe_key = n.dedupe_key AND e.subject = CONCAT('subscription:', n.subscription_id) ORDER BY n.subscription_id, n.kind, n.for_date, n.no`)
}

// deliver has the webhook take the notices that are written.
func (w *town) deliver() {
	w.t.Helper()
	worktest.Exec(w.t, w.plain, `INSERT IGNORE INTO event_deliveries (event_id, sink, status) SELECT id, 'webhook', 'delivered' FROM events`)
}

// A charge is announced once, as many days ahead as its policy says, with what will be taken then; again if that changes; and never where it will not be
// made.
func TestNoticesBeforeACharge(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1", "pm_ok:2", "pm_ok:3", "pm_ok:4", "pm_ok:5", "pm_ok:6", "pm_ok:7")
	w.policy("warned", "asked", "-", "warned", "warned", "warned", "nobody")
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'paused' WHERE id = 4`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET method_expires_on = '2026-01-30' WHERE id = 1`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET method_expires_on = '2026-01-31' WHERE id = 2`)
	worktest.Exec(t, w.plain, `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value) VALUES (5, '2026-01-31', 'amount', '777'), (6, '2026-01-30', 'cancel', NULL)`)
	for _, day := range []struct {
		date string
		want []string
	}{
		{"2026-01-23", []string{}},
		{"2026-01-24", []string{"1 expiring 2026-01-30 1 9900 9900 2026-01-31", "1 upcoming 2026-01-31 1 9900 9900 2026-01-31", "5 upcoming 2026-01-31 1 777 777 2026-01-31"}},
		{"2026-01-28", []string{"2 upcoming 2026-01-31 1 9900 9900 2026-01-31"}},
		{"2026-01-29", []string{"1 upcoming 2026-01-31 2 250 250 2026-01-31"}},   // another price
		{"2026-01-30", []string{"1 upcoming 2026-01-31 3 9900 9900 2026-01-31"}}, // and back
		{"2026-01-31", []string{}},
	} {
		w.on(day.date)
		before := w.written()
		switch day.date {
		case "2026-01-29":
			worktest.Exec(t, w.plain, `UPDATE subscriptions SET amount = 250 WHERE id = 1`)
		case "2026-01-30":
			worktest.Exec(t, w.plain, `UPDATE subscriptions SET amount = 9900 WHERE id = 1`)
		}
		for range 2 {
			require.Equal(t, batch.ExitDone, w.notices(noticed(), nil).Exit)
			var fresh []string
			for _, line := range w.written() {
				if !slices.Contains(before, line) {
					fresh = append(fresh, line)
				}
			}
			require.ElementsMatch(t, day.want, fresh, day.date)
		}
	}
	require.Equal(t, "amount", worktest.Get[string](t, w.plain, `SELECT JSON_VALUE(payload, '$.planned[0].change') FROM events WHERE subject = 'subscription:5' AND type = 'invoice.upcoming'`), "what is planned")
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM events WHERE payload LIKE '%pm_ok%'`))

	// The next period has a notice of its own; the expired method has one notice.
	w.on("2026-01-31").run(byNotices)
	require.Equal(t, batch.ExitDone, w.on("2026-02-21").notices(noticed(), nil).Exit)
	require.Equal(t, []string{"1 expiring 2026-01-30 1", "1 upcoming 2026-01-31 1", "1 upcoming 2026-01-31 2", "1 upcoming 2026-01-31 3", "1 upcoming 2026-02-28 1"},
		worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', subscription_id, kind, for_date, no) FROM notices WHERE subscription_id = 1 ORDER BY kind, for_date, no`))

	// Without a policy with notice_days nothing is read, and nothing written.
	require.Equal(t, batch.ExitDone, w.on("2026-03-24").notices(billing.Policy{RetryDays: []int{1}}, nil).Exit)
}

// The first charge of a trial or a pause whose end is planned is announced as early as any other, once, also before a required notice; a resumption of what
// is active adds none.
func TestNoticesBeforeATrialEnds(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1", "pm_ok:2", "pm_ok:3", "pm_ok:4", "pm_ok:5", "pm_ok:6")
	w.policy("warned", "warned", "asked", "warned", "warned", "warned")
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'trialing' WHERE id IN (1, 3, 5)`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'paused' WHERE id IN (2, 6)`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET next_billing_date = '2099-12-31' WHERE id = 3`)
	worktest.Exec(t, w.plain, `INSERT INTO subscription_changes (subscription_id, effective_date, kind) VALUES
(1, '2026-01-31', 'resume'), (2, '2026-01-29', 'resume'), (3, '2026-01-31', 'resume'), (4, '2026-01-30', 'resume'), (6, '2026-01-27', 'resume'), (6, '2026-01-28', 'pause'), (6, '2026-01-30', 'resume')`)
	warned := []string{"1 upcoming 2026-01-31 1 9900 9900 2026-01-31", "2 upcoming 2026-01-31 1 9900 9900 2026-01-31", "4 upcoming 2026-01-31 1 9900 9900 2026-01-31", "6 upcoming 2026-01-31 1 9900 9900 2026-01-31"}
	all := slices.Insert(slices.Clone(warned), 2, "3 upcoming 2026-01-31 1 9900 9900 2026-01-31")
	for _, day := range []struct {
		date string
		want []string
	}{{"2026-01-23", nil}, {"2026-01-24", warned}, {"2026-01-27", warned}, {"2026-01-28", all}, {"2026-01-29", all}, {"2026-01-30", all}} {
		w.on(day.date)
		for range 2 {
			require.Equal(t, batch.ExitDone, w.notices(noticed(), nil).Exit)
			require.Equal(t, day.want, w.written(), day.date)
		}
		w.run(byNotices)
	}
	w.deliver()
	require.Equal(t, batch.ExitDone, w.on("2026-01-31").run(byNotices).Exit)
	require.Equal(t, []string{"active paid 0 1", "active paid 0 1", "active paid 0 1", "active paid 0 1", "active paid 0 1"}, w.states())
	require.Equal(t, 5, w.sims["main"].Stats().Payments)
	require.Equal(t, all, w.written(), "what is charged was announced")
}

// A charge whose policy requires a notice is issued and not made before the notice was delivered; it is named until then, and made once.
func TestAChargeWaitsForItsNotice(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1", "pm_ok:2", "pm_ok:3")
	w.policy("asked", "asked", "warned")
	result := w.run(byNotices) // it was enrolled on the day itself: no notice was written
	require.Equal(t, batch.ExitUnfinished, result.Exit)
	require.Equal(t, []string{"2 invoices not charged before the notice is delivered (1, 2): duly run notices, then duly run outbox, then duly run billing"}, result.Left)
	require.Equal(t, []string{"active open 0 0", "active open 0 0", "active paid 0 1"}, w.states())

	require.Equal(t, batch.ExitDone, w.notices(noticed(), nil).Exit)
	require.Equal(t, batch.ExitDone, w.notices(noticed(), nil).Exit)
	require.Equal(t, []string{"1 upcoming 2026-01-31 1 9900 9900 2026-01-31", "2 upcoming 2026-01-31 1 9900 9900 2026-01-31"}, w.written())
	require.Equal(t, batch.ExitUnfinished, w.run(byNotices).Exit, "written, and not delivered")
	worktest.Exec(t, w.plain, `INSERT INTO event_deliveries (event_id, sink, status) SELECT id, 'slack', 'delivered' FROM events WHERE subject = 'subscription:1' AND type = 'invoice.upcoming'`)
	worktest.Exec(t, w.plain, `INSERT INTO event_deliveries (event_id, sink, status) SELECT id, 'webhook', 'dead' FROM events WHERE subject = 'subscription:2' AND type = 'invoice.upcoming'`)
	result = w.run(byNotices)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "Slack is nobody's customer, and one was given up")
	dead := worktest.Get[int](t, w.plain, `SELECT event_id FROM event_deliveries WHERE status = 'dead'`)
	require.Equal(t, []string{
		"1 invoice not charged before the notice is delivered (1): duly run outbox, then duly run billing",
		fmt.Sprintf("1 invoice not charged before the notice is delivered (2): duly requeue event %d, then duly run outbox, then duly run billing", dead),
	}, result.Left)
	require.Equal(t, []string{"active open 0 0", "active open 0 0", "active paid 0 1"}, w.states())

	w.deliver()
	w.on("2026-02-01").run(byNotices)
	require.Equal(t, []string{"active paid 0 1", "active open 0 0", "active paid 0 1"}, w.states(), "the one that was given up still waits")
	worktest.Exec(t, w.plain, `UPDATE event_deliveries SET status = 'delivered' WHERE status = 'dead'`)
	require.Equal(t, batch.ExitDone, w.run(byNotices).Exit)
	require.Equal(t, []string{"active paid 0 1", "active paid 0 1", "active paid 0 1"}, w.states())
	require.Equal(t, 3, w.sims["main"].Stats().Payments)
	w.reconcile()

	// An invoice whose notice is of another amount waits for a new notice.
	require.Equal(t, batch.ExitDone, w.on("2026-02-25").notices(noticed(), nil).Exit)
	w.deliver()
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET amount = 500 WHERE id = 1`)
	require.Equal(t, batch.ExitUnfinished, w.on("2026-02-28").run(byNotices).Exit)
	require.Equal(t, []string{"active open 0 0", "active paid 0 1", "active paid 0 1"}, w.states())
	w.notices(noticed(), nil)
	w.deliver()
	require.Equal(t, batch.ExitDone, w.run(byNotices).Exit)
	require.Equal(t, "1 upcoming 2026-02-28 2 500 500 2026-02-28", w.written()[2])
	w.reconcile()
}

// Who writes events of his own may take the key of a notice: his event is no notice, however it is delivered. A day that is none expires no method.
func TestAnEventOfAnotherTypeIsNoNotice(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_ok:1")
	w.policy("asked")
	for statement := range strings.SplitSeq(lax(`UPDATE subscriptions SET method_expires_on = '0000-00-00'`), ";") {
		worktest.Exec(t, w.plain, statement)
	}
	worktest.Exec(t, w.plain, `INSERT INTO events (type, subject, payload, dedupe_key) VALUES ('shop.word', 'subscription:1', '{}', 'invoice.upcoming:sub_1_20260131')`)
	w.on("2026-01-29").notices(noticed(), nil)
	w.notices(noticed(), nil)
	w.deliver()
	require.Equal(t, batch.ExitUnfinished, w.on("2026-01-31").run(byNotices).Exit)
	require.Equal(t, []string{"active open 0 0"}, w.states())
	require.Equal(t, batch.ExitDone, w.notices(noticed(), nil).Exit)
	w.deliver()
	require.Equal(t, batch.ExitDone, w.run(byNotices).Exit)
	require.Equal(t, []string{"active paid 0 1"}, w.states())
	require.Equal(t, []string{"1 upcoming 1", "1 upcoming 2"}, worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', subscription_id, kind, no) FROM notices ORDER BY id`))
}

// After a COMMIT that was lost, or whose answer was, each notice is there once, with its event.
func TestALostCommitOfNotices(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "on the way there": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.enrol("pm_ok:1", "pm_ok:2", "pm_ok:3", "pm_ok:4", "pm_ok:5")
			w.policy("warned", "warned", "warned", "warned", "warned")
			proxy := testdb.NewProxy(t, w.plain.DSN)
			w.on("2026-01-24")
			through := *w
			through.plain = &testdb.DB{DB: w.plain.DB, DSN: proxy.DSN}
			var lost <-chan struct{}
			result := through.notices(noticed(), func(r *batch.Runner) {
				r.OnRun = func(*batch.Run, []*batch.StepExecution) { lost = lose(proxy) }
			})
			<-lost
			require.Equal(t, batch.ExitDone, result.Exit, fmt.Sprint(result))
			require.Len(t, w.written(), 5)
			require.EqualValues(t, 5, w.noticesCounted(), "each is counted once")
		})
	}
}
