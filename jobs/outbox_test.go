package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/notify"
	"duly/internal/operator"
	"duly/internal/outbox"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
	"duly/readers"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// hungUp is the status of an answer that has taken the connection away.
const hungUp = -1

// letter is what a receiver was sent.
type letter struct {
	ID      string `json:"-"`
	Type    string
	Subject string
	Event   uint64 `json:"event_id"`
	Data    struct{ N int }
}

// receiver is the shop's webhook. It refuses what is not signed as the standard says.
type receiver struct {
	*httptest.Server

	t        *testing.T
	mu       sync.Mutex
	accepted []letter
	tries    map[uint64]int
	// answer is asked before a letter is accepted; nil or a status of 0 accepts it.
	answer func(w http.ResponseWriter, r *http.Request, l letter) int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, tries: map[uint64]int{}}
	verifier, err := standardwebhooks.NewWebhook(hookSecret)
	require.NoError(t, err)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err == nil {
			err = verifier.Verify(body, request.Header)
		}
		l := letter{ID: request.Header.Get("webhook-id")}
		if err == nil {
			err = json.Unmarshal(body, &l)
		}
		if err != nil {
			t.Errorf("%v: %s", err, body)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		r.tries[l.Event]++
		answer := r.answer
		r.mu.Unlock()
		status := 0
		if answer != nil {
			status = answer(w, request, l)
		}
		if status == hungUp {
			return
		}
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		r.mu.Lock()
		r.accepted = append(r.accepted, l)
		r.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(answer func(w http.ResponseWriter, r *http.Request, l letter) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// always answers everything with a status.
func (r *receiver) always(status int) {
	r.answers(func(http.ResponseWriter, *http.Request, letter) int { return status })
}

// events are the ids of accepted events, in the order in which they came.
func (r *receiver) events() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]uint64, len(r.accepted))
	for i, l := range r.accepted {
		ids[i] = l.Event
	}
	return ids
}

// office is a database with events, and the worker that delivers them.
type office struct {
	t       *testing.T
	plain   *testdb.DB
	hook    *receiver
	slack   string // where Slack's API is; empty: no Slack
	timeout time.Duration
	tries   int
	mu      sync.Mutex
	shift   time.Duration // of the business clock
}

func newOffice(t *testing.T) *office {
	t.Helper()
	return &office{t: t, plain: testdb.New(t), hook: newReceiver(t), timeout: 2 * time.Second, tries: 12}
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Now().Add(o.shift)
}

// pass lets time pass.
func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shift += d
}

// write inserts n events as the shop would, the i-th of them of the subject order:(i modulo subjects).
func (o *office) write(n, subjects int) {
	o.t.Helper()
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{"order.shipped", fmt.Sprintf("order:%d", i%subjects+1), fmt.Sprintf(`{"n":%d}`, i+1)}
	}
	for len(rows) > 0 {
		page := rows[:min(len(rows), 2000)]
		_, err := mysql.Insert(o.t.Context(), o.plain, `INSERT INTO events (type, subject, payload) VALUES `, page, "")
		require.NoError(o.t, err)
		rows = rows[len(page):]
	}
}

// sinks are those that the office has.
func (o *office) sinks(t testing.TB) map[string]notify.Notifier {
	t.Helper()
	out := map[string]notify.Notifier{}
	if o.hook != nil {
		hook, err := notify.NewWebhook(notify.WebhookConfig{
			URL: o.hook.URL + "/hooks/secret-path?token=abc", Secret: hookSecret, Timeout: o.timeout, Now: time.Now,
		})
		require.NoError(t, err)
		t.Cleanup(hook.Close)
		out[jobs.SinkWebhook] = hook
	}
	if o.slack != "" {
		people, err := notify.NewSlack(notify.SlackConfig{Token: "xoxb-token", Channel: "#billing", APIURL: o.slack, Now: time.Now})
		require.NoError(t, err)
		t.Cleanup(people.Close)
		out[jobs.SinkSlack] = people
	}
	return out
}

func (o *office) run(change func(*jobs.OutboxOptions, *batch.Runner)) batch.Result {
	o.t.Helper()
	return o.runOn(o.t.Context(), o.plain.DSN, change)
}

func (o *office) runOn(ctx context.Context, dsn string, change func(*jobs.OutboxOptions, *batch.Runner)) batch.Result {
	o.t.Helper()
	db := worktest.Open(o.t, dsn)
	deps := jobs.Deps{
		DB: db, Repository: &runs.Repository{DB: db, Now: o.now}, Clock: time.Now, Business: o.now, Zone: time.UTC,
		Heartbeat: 200 * time.Millisecond,
	}
	options := jobs.OutboxOptions{Sinks: o.sinks(o.t), Tries: o.tries, ChunkSize: 100}
	runner := &batch.Runner{
		Repository: deps.Repository, Heartbeat: deps.Heartbeat, Drain: 5 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&options, runner)
	}
	result, err := runner.Run(ctx, jobs.Outbox(deps, options), worktest.Spec())
	require.NoError(o.t, err)
	return result
}

// deliveries are those of the webhook, in words.
func (o *office) deliveries() []string {
	o.t.Helper()
	return worktest.List[string](o.t, o.plain, `SELECT CONCAT_WS(' ', event_id, status, tries) FROM event_deliveries
WHERE sink = 'webhook' ORDER BY event_id`)
}

// inOrder requires that each subject's events were accepted in their order, none before an earlier one; again says
// whether an event may have come twice.
func (o *office) inOrder(again bool) {
	o.t.Helper()
	o.hook.mu.Lock()
	defer o.hook.mu.Unlock()
	last := map[string]uint64{}
	seen := map[uint64]bool{}
	for _, l := range o.hook.accepted {
		if seen[l.Event] {
			require.True(o.t, again, "event %d came twice", l.Event)
			continue
		}
		seen[l.Event] = true
		require.Greater(o.t, l.Event, last[l.Subject], "%s came out of order", l.Subject)
		last[l.Subject] = l.Event
	}
}

func TestEventsFlow(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(10_000, 700)
	worktest.Exec(t, o.plain, `INSERT INTO events (type, subject, payload, dedupe_key) VALUES ('invoice.paid', 'subscription:1', '{"n": 7}', 'invoice.paid:sub_1_20260131')`)
	result := o.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.EqualValues(t, 10_001, result.Tally.Succeeded)
	require.EqualValues(t, 10_001, result.Tally.Read)
	require.Len(t, o.hook.events(), 10_001)
	o.inOrder(false)
	require.Equal(t, 10_001, worktest.Get[int](t, o.plain, `SELECT COUNT(*) FROM event_deliveries d JOIN events e ON e.id = d.event_id AND e.subject = d.subject
WHERE d.status = 'delivered' AND d.sink = 'webhook' AND d.tries = 0 AND d.delivered_at IS NOT NULL AND d.run_id IS NULL AND d.last_error IS NULL`))
	ids := map[string]bool{}
	for _, l := range o.hook.accepted {
		ids[l.ID] = true
		if l.Event == 10_001 {
			require.Equal(t, letter{ID: l.ID, Type: "invoice.paid", Subject: "subscription:1", Event: 10_001, Data: struct{ N int }{7}}, l)
			require.Equal(t, outbox.Event{Dedupe: "invoice.paid:sub_1_20260131"}.MessageID(), l.ID)
		}
	}
	require.Len(t, ids, 10_001, "every event has an id of its own")
	again := o.run(nil)
	require.Equal(t, batch.ExitDone, again.Exit)
	require.Zero(t, again.Tally.Read)
	require.Len(t, o.hook.events(), 10_001)
}

// All events of a shop that has one subject go in one run.
func TestOneSubjectGoesInOneRun(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(450, 1)
	result := o.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Len(t, o.hook.events(), 450)
	o.inOrder(false)
}

// Two workers side by side, and a receiver that refuses every third request: no subject is out of order, no event
// comes twice, and runs do not block one another.
func TestTwoWorkersKeepTheOrder(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(1500, 60)
	var asked sync.Mutex
	n := 0
	o.hook.answers(func(http.ResponseWriter, *http.Request, letter) int {
		asked.Lock()
		defer asked.Unlock()
		if n++; n%3 == 0 {
			return http.StatusInternalServerError
		}
		return 0
	})
	for range 100 {
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				o.run(func(options *jobs.OutboxOptions, _ *batch.Runner) { options.ChunkSize, options.Tries = 10, 100 })
			})
		}
		both.Wait()
		if len(o.hook.events()) == 1500 {
			break
		}
		o.pass(time.Hour)
	}
	require.Len(t, o.hook.events(), 1500)
	o.inOrder(false)
	require.Equal(t, 1500, worktest.Get[int](t, o.plain, `SELECT COUNT(*) FROM event_deliveries WHERE status = 'delivered' AND last_error IS NULL`))
}

// What goes wrong with a receiver: the event waits, in front of its subject's others, and nobody is told the address.
func TestReceiversThatFail(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t)
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, l letter) int
		reason string
	}{
		{"500", func(http.ResponseWriter, *http.Request, letter) int { return 500 }, " answered 500 Internal Server Error"},
		{"404", func(http.ResponseWriter, *http.Request, letter) int { return 404 }, " answered 404 Not Found"},
		{"redirect", func(w http.ResponseWriter, r *http.Request, _ letter) int {
			w.Header().Set("Location", elsewhere.URL+r.URL.String())
			return 307
		}, " answered 307 Temporary Redirect, and redirects are not followed"},
		{"a redirect to nowhere", func(w http.ResponseWriter, _ *http.Request, _ letter) int {
			w.Header().Set("Location", "http://%zz/")
			return 301
		}, " answered 301 Moved Permanently, and redirects are not followed"},
		{"closes early", func(w http.ResponseWriter, _ *http.Request, _ letter) int {
			return hangUp(t, w, "")
		}, ": the connection was closed before an answer"},
		{"speaks no HTTP", func(w http.ResponseWriter, _ *http.Request, _ letter) int {
			return hangUp(t, w, "220 /hooks/secret-path\r\n\r\n")
		}, ": no readable answer"},
		{"times out", func(_ http.ResponseWriter, r *http.Request, _ letter) int {
			<-r.Context().Done()
			return 500
		}, ": no answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOffice(t)
			o.timeout = 3 * time.Second // the other subject is answered in that time on a loaded machine
			o.write(5, 2)
			o.hook.answers(func(w http.ResponseWriter, r *http.Request, l letter) int {
				if l.Subject == "order:1" {
					return c.answer(w, r, l)
				}
				return 0
			})
			result := o.run(nil)
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.Len(t, result.Left, 1)
			require.Contains(t, result.Left[0], "3 events not delivered to webhook; 1 failed, the next try is at ")
			require.Equal(t, []uint64{2, 4}, o.hook.events())
			require.Equal(t, []string{"1 pending 1", "2 delivered 0", "3 pending 0", "4 delivered 0", "5 pending 0"}, o.deliveries())
			reason := worktest.Get[string](t, o.plain, `SELECT last_error FROM event_deliveries WHERE event_id = 1`)
			require.Contains(t, reason, c.reason)
			require.True(t, strings.HasPrefix(reason, strings.TrimPrefix(o.hook.URL, "http://")), reason)
			require.NotContains(t, reason, "secret-path")
			require.NotContains(t, reason, "abc")
			require.Equal(t, batch.ExitUnfinished, o.run(nil).Exit, "not before its time")
			require.Equal(t, 1, o.hook.tries[1])
			o.hook.answers(nil)
			o.pass(6 * time.Second)
			require.Equal(t, batch.ExitDone, o.run(nil).Exit)
			o.inOrder(false)
			require.Len(t, o.hook.events(), 5)
		})
	}
	require.Empty(t, elsewhere.tries, "no redirect was followed")
}

// hangUp says something that is no HTTP, and closes the connection.
func hangUp(t *testing.T, w http.ResponseWriter, words string) int {
	t.Helper()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return http.StatusInternalServerError
	}
	_, err = conn.Write([]byte(words))
	if err = errors.Join(err, conn.Close()); err != nil {
		t.Error(err)
	}
	return hungUp
}

// A receiver that is down for two days gets everything afterwards, in order.
func TestAReceiverThatIsDownForTwoDays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(6, 2)
	o.hook.always(http.StatusBadGateway)
	began := o.now()
	for o.now().Sub(began) < 48*time.Hour {
		require.Equal(t, batch.ExitUnfinished, o.run(nil).Exit)
		next := worktest.Get[time.Time](t, o.plain, `SELECT MIN(next_try_at) FROM event_deliveries WHERE tries > 0`)
		o.pass(min(next.Sub(o.now())+time.Millisecond, began.Add(48*time.Hour).Sub(o.now())))
	}
	require.Greater(t, o.hook.tries[1], 8)
	o.hook.answers(nil)
	o.pass(26*time.Hour + 30*time.Minute)
	result := o.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v %v", result, o.deliveries())
	require.Len(t, o.hook.events(), 6)
	o.inOrder(false)
}

// One that stays down: the events are given up after the twelfth try, the run says so once, and later ones of the
// subject go on. An operator has them sent again.
func TestAnEventIsGivenUp(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(3, 1)
	o.hook.answers(func(_ http.ResponseWriter, _ *http.Request, l letter) int {
		if l.Event == 1 {
			return 500
		}
		return 0
	})
	for range 11 {
		require.Equal(t, batch.ExitUnfinished, o.run(nil).Exit)
		o.pass(27 * time.Hour)
	}
	require.Empty(t, o.hook.events())
	result := o.run(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.EqualValues(t, 1, result.Tally.Review)
	require.Equal(t, []string{"1 dead 12", "2 delivered 0", "3 delivered 0"}, o.deliveries())
	require.Equal(t, 12, o.hook.tries[1])
	require.Equal(t, batch.ExitDone, o.run(nil).Exit, "older ones are not this run's")

	db := worktest.Open(t, o.plain.DSN)
	action := operator.Action{Action: "requeue", Subject: "event:1", Who: "me", Host: "here"}
	requeue := func(id uint64, sinks ...string) error {
		return operator.RequeueEvent(t.Context(), db, id, o.now(), action, sinks...)
	}
	require.ErrorContains(t, requeue(2), "event 2 was not given up: webhook has it")
	require.ErrorAs(t, requeue(2), &store.RefusedError{})
	require.ErrorContains(t, requeue(1, "slack"), "event 1 was not given up: slack has no delivery of it")
	require.ErrorIs(t, requeue(99), operator.ErrNotThere)
	require.NoError(t, requeue(1, "webhook"))
	require.Equal(t, "1 pending 0", o.deliveries()[0])
	require.ErrorContains(t, requeue(1), "it is due for webhook at ")
	require.Equal(t, 1, worktest.Get[int](t, o.plain, `SELECT COUNT(*) FROM operator_actions`))
	worktest.Exec(t, o.plain, `INSERT INTO events (type, subject, payload) VALUES ('x', 'order:1', '{}')`)
	require.ErrorContains(t, requeue(4), "event 4 has no delivery yet")
	o.hook.answers(nil)
	require.Equal(t, batch.ExitDone, o.run(nil).Exit)
	require.Equal(t, []uint64{2, 3, 1, 4}, o.hook.events())
}

// An event whose transaction was open while later ones were delivered, however long, is delivered once it commits.
func TestNoEventIsForgotten(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(2, 2)
	tx, err := o.plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `INSERT INTO events (type, subject, payload) VALUES ('late', 'order:9', '{"n": 3}')`)
	require.NoError(t, err)
	worktest.Exec(t, o.plain, `INSERT INTO events (type, subject, payload) VALUES ('x', 'order:4', '{"n": 4}')`)
	age := func() {
		worktest.Exec(t, o.plain, `UPDATE outbox_marks SET seen_at = seen_at - INTERVAL 1 DAY`)
	}
	for range 4 {
		require.Equal(t, batch.ExitDone, o.run(nil).Exit)
		age()
	}
	require.ElementsMatch(t, []uint64{1, 2, 4}, o.hook.events())
	require.Equal(t, "0 4", worktest.Get[string](t, o.plain, `SELECT CONCAT_WS(' ', event_id, seen_id) FROM outbox_marks`))
	require.NoError(t, tx.Commit())
	require.Equal(t, batch.ExitDone, o.run(nil).Exit)
	require.ElementsMatch(t, []uint64{1, 2, 3, 4}, o.hook.events())
	require.Equal(t, "4 4", worktest.Get[string](t, o.plain, `SELECT CONCAT_WS(' ', event_id, seen_id) FROM outbox_marks`))
	o.write(1, 1)
	require.Equal(t, batch.ExitDone, o.run(nil).Exit)
	require.Equal(t, "4 5", worktest.Get[string](t, o.plain, `SELECT CONCAT_WS(' ', event_id, seen_id) FROM outbox_marks`), "it may still have neighbours on their way")
	require.Len(t, o.hook.events(), 5)
	worktest.Exec(t, o.plain, `DELETE FROM event_deliveries; TRUNCATE TABLE events`)
	o.write(2, 2)
	require.Equal(t, batch.ExitDone, o.run(nil).Exit)
	require.Len(t, o.hook.events(), 7, "numbers that come anew are new events")
}

// A run that has nothing to do looks at nothing that was delivered.
func TestARunWithoutNewsIsCheap(t *testing.T) {
	o := newOffice(t)
	o.write(1000, 1000)
	for range 2 {
		require.Equal(t, batch.ExitDone, o.run(nil).Exit)
		worktest.Exec(t, o.plain, `UPDATE outbox_marks SET seen_at = seen_at - INTERVAL 1 DAY`)
	}
	reads := func() int {
		var n int
		for _, name := range []string{"Handler_read_next", "Handler_read_key"} {
			var value int
			require.NoError(t, o.plain.QueryRowContext(t.Context(), `SHOW GLOBAL STATUS LIKE '`+name+`'`).Scan(&name, &value))
			n += value
		}
		return n
	}
	before := reads()
	require.Equal(t, batch.ExitDone, o.run(nil).Exit)
	require.Less(t, reads()-before, 300)
}

// Slack is told what a person must act on, and a webhook that hangs does not hold it up.
func TestASlowReceiverHoldsUpOnlyItsOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	posts := make(chan string, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posts <- r.FormValue("text")
		_, _ = w.Write([]byte(`{"ok": true}`))
	}))
	t.Cleanup(api.Close)
	o.slack = api.URL + "/"
	o.timeout = 10 * time.Second
	o.write(300, 300)
	for i := range 3 {
		worktest.Exec(t, o.plain, `INSERT INTO events (type, subject, payload) VALUES ('review.needed', ?, '{"reason": "amount < 0"}')`, fmt.Sprintf("subscription:%d", i+1))
	}
	told := make(chan struct{})
	o.hook.answers(func(_ http.ResponseWriter, r *http.Request, _ letter) int {
		select {
		case <-told:
		case <-r.Context().Done():
		}
		return 0
	})
	seen := make(chan string, 1)
	go func() {
		defer close(told)
		seen <- <-posts
	}()
	result := o.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.EqualValues(t, 306, result.Tally.Succeeded)
	all := <-seen
	for i := range 3 {
		require.Contains(t, all, fmt.Sprintf("duly show subscription %d", i+1))
	}
	require.Equal(t, []string{"slack 3", "webhook 303"}, worktest.List[string](t, o.plain,
		`SELECT CONCAT_WS(' ', sink, COUNT(*)) FROM event_deliveries WHERE status = 'delivered' GROUP BY sink ORDER BY sink`))
}

// Whatever a run that died had claimed is taken over once its lease has run out, and not before: all else is delivered first.
func TestDeliveriesOfADeadRunAreTakenOver(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(8, 2)
	o.hook.answers(nil)
	run := worktest.Open(t, o.plain.DSN)
	require.Equal(t, batch.ExitUnfinished, o.run(func(options *jobs.OutboxOptions, _ *batch.Runner) { options.Steps = []string{jobs.StepFanOut} }).Exit|batch.ExitUnfinished)
	var items []outbox.Claimed
	worktest.Run(t, run, func(ctx context.Context, _ *batch.StepExecution) error {
		r := &readers.Deliveries{DB: run, Sink: jobs.SinkWebhook, Now: o.now, Held: &outbox.Held{}}
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: 1, Skip: func(string) bool { return false }})
		items = page.Items
		return err
	})
	require.Len(t, items, 1)
	require.Len(t, items[0].Events, 4)
	id := worktest.Get[uint64](t, o.plain, `SELECT DISTINCT run_id FROM event_deliveries WHERE run_id IS NOT NULL`)
	worktest.Exec(t, o.plain, `UPDATE job_runs SET status = 'running', lease_ms = 3000, heartbeat_at = UTC_TIMESTAMP(6) WHERE id = ?`, id)
	worktest.Exec(t, o.plain, `INSERT INTO events (type, subject, payload) VALUES ('x', 'order:1', '{"n": 9}')`)
	require.Equal(t, batch.ExitDone, o.run(nil).Exit)
	require.Equal(t, []uint64{2, 4, 6, 8, 1, 3, 5, 7, 9}, o.hook.events())
	o.inOrder(false)
}

// A stop lets what is on its way arrive, and gives the rest back.
func TestAStopGivesBackWhatWasNotSent(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(200, 4)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	before := 0
	o.hook.answers(func(_ http.ResponseWriter, _ *http.Request, l letter) int {
		if l.Event == 20 {
			before = len(o.hook.events())
			stop()
		}
		return 0
	})
	result := o.runOn(ctx, o.plain.DSN, nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit)
	sent := len(o.hook.events())
	require.LessOrEqual(t, sent-before, 8, "of four subjects")
	require.Equal(t, sent, worktest.Get[int](t, o.plain, `SELECT COUNT(*) FROM event_deliveries WHERE status = 'delivered'`))
	require.Zero(t, worktest.Get[int](t, o.plain, `SELECT COUNT(*) FROM event_deliveries WHERE run_id IS NOT NULL OR tries > 0`))
	o.hook.answers(nil)
	require.Equal(t, batch.ExitDone, o.run(nil).Exit)
	require.Len(t, o.hook.events(), 200)
	o.inOrder(false)
}

// A settlement whose COMMIT was not answered is written once, and nothing is sent again for it.
func TestALostCommitOfADelivery(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "on the way there": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.write(30, 30)
			proxy := testdb.NewProxy(t, o.plain.DSN)
			var once sync.Once
			o.hook.answers(func(http.ResponseWriter, *http.Request, letter) int {
				once.Do(func() { lose(proxy) })
				return 0
			})
			result := o.runOn(t.Context(), proxy.DSN, nil)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.EqualValues(t, 30, result.Tally.Succeeded)
			require.Len(t, o.hook.events(), 30)
			o.inOrder(false)
		})
	}
}

// Without a receiver events are kept; the one that is configured later gets them all.
func TestWithoutAReceiverEventsAreKept(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(5, 5)
	hook := o.hook
	o.hook = nil
	result := o.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Zero(t, worktest.Get[int](t, o.plain, `SELECT COUNT(*) FROM event_deliveries`))
	o.hook = hook
	require.Equal(t, batch.ExitDone, o.run(nil).Exit)
	require.Len(t, o.hook.events(), 5)
}

// 410 Gone: nothing more is sent to it in this run, no try is used up, and the run fails with a line that says what to do.
func TestAReceiverThatIsGone(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(100, 100)
	o.hook.always(http.StatusGone)
	result := o.run(nil)
	require.Equal(t, batch.ExitFailed, result.Exit)
	require.ErrorContains(t, result.Err, " answered 410 Gone: it wants no more events")
	require.LessOrEqual(t, len(o.hook.tries), 10)
	require.Equal(t, 100, worktest.Get[int](t, o.plain, `SELECT COUNT(*) FROM event_deliveries WHERE status = 'pending' AND tries = 0 AND run_id IS NULL`))
}

// A row that cannot be written stops no other.
func TestAPoisonedDeliveryStopsNoOther(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(50, 50)
	o.run(func(options *jobs.OutboxOptions, _ *batch.Runner) { options.Steps = []string{jobs.StepFanOut} })
	worktest.Exec(t, o.plain, `CREATE TRIGGER settle BEFORE UPDATE ON event_deliveries FOR EACH ROW
IF NEW.event_id = 7 AND NEW.status = 'delivered' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF`)
	worktest.Exec(t, o.plain, `CREATE TRIGGER claim BEFORE UPDATE ON event_deliveries FOR EACH ROW
IF NEW.event_id = 9 AND NEW.run_id IS NOT NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'nor this one'; END IF`)
	worktest.Exec(t, o.plain, `DELETE FROM events WHERE id = 11`)
	result := o.run(nil)
	require.Equal(t, batch.ExitFailed, result.Exit)
	require.ErrorContains(t, result.Err, "event 9 cannot be claimed for webhook")
	require.Equal(t, []string{"delivered 47", "dead 2", "pending 1"}, worktest.List[string](t, o.plain,
		`SELECT CONCAT_WS(' ', status, COUNT(*)) FROM event_deliveries GROUP BY status ORDER BY COUNT(*) DESC`))
	require.Contains(t, worktest.Get[string](t, o.plain, `SELECT last_error FROM event_deliveries WHERE event_id = 7`), "it was delivered, and that could not be written: error 1644 (45000): not this one")
	require.Equal(t, "the event's row is gone", worktest.Get[string](t, o.plain, `SELECT last_error FROM event_deliveries WHERE event_id = 11`))
}

// A run of chosen orders and subscriptions delivers their events alone.
func TestOutboxSelection(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(9, 3)
	worktest.Exec(t, o.plain, `INSERT INTO events (type, subject, payload) VALUES ('x', 'subscription:2', '{}')`)
	result := o.run(func(options *jobs.OutboxOptions, _ *batch.Runner) {
		options.Selection = store.Selection{Orders: []uint64{2}, Subscriptions: []uint64{2}}
	})
	require.Equal(t, batch.ExitDone, result.Exit)
	events := map[uint64]bool{}
	for _, id := range o.hook.events() {
		events[id] = true
	}
	require.Equal(t, map[uint64]bool{2: true, 5: true, 8: true, 10: true}, maps.Clone(events))
}
