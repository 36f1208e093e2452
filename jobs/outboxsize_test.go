package jobs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/outbox"
	"duly/internal/query/details"
	"duly/internal/test/worktest"
	"duly/jobs"
	"duly/readers"
)

// However large payloads are, and however many wait, no more than a few megabytes of them are held at once.
func TestLargePayloadsAreHeldWithinBounds(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	run := func() int {
		t.Helper()
		held := &outbox.Held{}
		result := o.run(func(options *jobs.OutboxOptions, _ *batch.Runner) {
			options.Held = map[string]*outbox.Held{jobs.SinkWebhook: held}
		})
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		return held.Most()
	}
	o.write(200, 50)
	require.Less(t, run(), 200*20, "small ones")
	require.Len(t, o.hook.events(), 200)
	for i := range 24 {
		worktest.Exec(t, o.plain, `INSERT INTO events (type, subject, payload) VALUES ('x', ?, CONCAT('{"n": 1, "x": "', REPEAT('x', 1048576), '"}'))`, fmt.Sprintf("order:%d", i%12))
	}
	most := run()
	require.LessOrEqual(t, most, readers.HeldBytes)
	require.Greater(t, most, readers.ClaimBytes/2, "payloads are counted")
	require.Len(t, o.hook.events(), 224)
	o.inOrder(false)
}

// An event that nobody can read, as where the shop has made the table a view, is given up by the first run, for each receiver, and
// holds up nothing: neither its subject nor the others. Once its row is right, it is sent again.
func TestUnreadableEventsAreGivenUpAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	worktest.Exec(t, o.plain, `RENAME TABLE events TO shop_events`)
	worktest.Exec(t, o.plain, `ALTER TABLE shop_events MODIFY payload LONGTEXT NULL, MODIFY type VARCHAR(64) NULL, MODIFY subject VARCHAR(64) NULL`)
	worktest.Exec(t, o.plain, `CREATE VIEW events AS SELECT * FROM shop_events`)
	worktest.Exec(t, o.plain, `INSERT INTO events (type, subject, payload) VALUES
('x', 'order:1', '{"n": 1}'), ('x', 'order:1', NULL), ('x', 'order:1', '{"n": '), (NULL, 'order:1', '{}'), ('x', NULL, '{}'), ('x', 'order:1', '{"n": 6}')`)
	result := o.run(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, []uint64{1, 6}, o.hook.events())
	require.Equal(t, []string{
		"1 delivered 0", "2 dead 1 its payload is NULL", "3 dead 1 its payload is not JSON: unexpected end of JSON input",
		"4 dead 1 its type is NULL", "5 dead 1 its subject is NULL", "6 delivered 0",
	}, worktest.List[string](t, o.plain, `SELECT CONCAT_WS(' ', event_id, status, tries, last_error) FROM event_deliveries ORDER BY event_id`))
	require.Equal(t, batch.ExitDone, o.run(nil).Exit, "they are not tried again")

	shown, err := details.FindEvents(t.Context(), worktest.Open(t, o.plain.DSN), "order:1", 10)
	require.NoError(t, err)
	payloads := make([]string, len(shown))
	for i, e := range shown {
		payloads[i] = string(e.Payload)
	}
	require.Equal(t, []string{`{"n": 6}`, `{}`, `"{\"n\": "`, `null`, `{"n": 1}`}, payloads)
}

// A burst of reviews is told of in one message, and each delivery is written.
func TestABurstOfReviewsIsOneMessage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var mu sync.Mutex
	var posts []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		posts = append(posts, r.FormValue("text"))
		_, _ = w.Write([]byte(`{"ok": true}`))
	}))
	t.Cleanup(api.Close)
	o.slack = api.URL + "/"
	for i := range 200 {
		worktest.Exec(t, o.plain, `INSERT INTO events (type, subject, payload) VALUES ('review.needed', ?, ?)`,
			fmt.Sprintf("subscription:%d", i+1), fmt.Sprintf(`{"reason": "gateway booked %d.00, invoice is 9.99"}`, i%3))
	}
	hook := o.hook
	o.hook = nil
	require.Equal(t, batch.ExitUnfinished, o.run(func(_ *jobs.OutboxOptions, r *batch.Runner) { r.Limit = 7 }).Exit)
	require.Equal(t, []string{"slack 7"}, worktest.List[string](t, o.plain, `SELECT CONCAT_WS(' ', sink, COUNT(*)) FROM event_deliveries
WHERE status = 'delivered' GROUP BY sink`), "--limit counts subjects, not messages")
	worktest.Exec(t, o.plain, `UPDATE event_deliveries SET status = 'pending', delivered_at = NULL, next_try_at = '2026-01-01'`)
	posts = nil
	// Slack alone: a delivery that another receiver's settlement has locked for a moment would be claimed later, and be a message of its own.
	large := func(options *jobs.OutboxOptions, _ *batch.Runner) { options.ChunkSize = 500 }
	result := o.run(large)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.EqualValues(t, 200, result.Tally.Succeeded)
	o.hook = hook
	result = o.run(large)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.EqualValues(t, 200, result.Tally.Succeeded)
	require.Equal(t, []string{":mag: *200 reviews need a decision*\n• 200 × gateway booked …, invoice is 9.99\n`duly list review`"}, posts)
	require.Equal(t, []string{"slack 200", "webhook 200"}, worktest.List[string](t, o.plain,
		`SELECT CONCAT_WS(' ', sink, COUNT(*)) FROM event_deliveries WHERE status = 'delivered' AND delivered_at IS NOT NULL AND run_id IS NULL GROUP BY sink ORDER BY sink`))
}
