package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slack-go/slack/slacktest"
	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/gateway/simulator"
	"duly/internal/test/golden"
	"duly/internal/view"
)

// channel is what people read on Slack, by an incoming webhook.
type channel struct {
	mu       sync.Mutex
	messages []string
	tries    int
	answer   http.HandlerFunc // nil: it takes every message
}

// secretHook is what of a webhook's address nobody may see.
const secretHook = "T0B0-of-nobody"

// join gives the shop a Slack.
func (s *shop) join(t *testing.T) *channel {
	t.Helper()
	c := &channel{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	s.env = append(s.env, "DULY_SLACK_WEBHOOK_URL="+server.URL+"/services/"+secretHook)
	return c
}

// ServeHTTP implements http.Handler.
func (c *channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	c.tries++
	answer := c.answer
	if answer == nil {
		c.messages = append(c.messages, string(body))
	}
	c.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	_, _ = io.WriteString(w, "ok")
}

// say sets what it answers.
func (c *channel) say(answer http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// read takes the messages that came.
func (c *channel) read(t *testing.T) []string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.messages
	c.messages = nil
	for _, message := range got {
		for _, secret := range []string{secretMethod, secretToken, secretHook, "cus_1", "sock/test_"} {
			require.NotContains(t, message, secret)
		}
	}
	return got
}

// one is the only message that came, with its blocks as lines.
func (c *channel) one(t *testing.T) string {
	t.Helper()
	got := c.read(t)
	require.Len(t, got, 1)
	var m struct {
		Text   string
		Blocks []struct {
			Type   string
			Text   struct{ Text string }
			Fields []struct{ Text string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got[0]), &m))
	require.NotEmpty(t, m.Text)
	var lines []string
	for _, b := range m.Blocks {
		lines = append(lines, "["+b.Type+"]")
		for _, f := range b.Fields {
			lines = append(lines, strings.ReplaceAll(f.Text, "\n", " "))
		}
		if b.Text.Text != "" {
			lines = append(lines, b.Text.Text)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// What people are told, run by run; good runs are quiet.
func TestPeopleAreToldOfABadRun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people := s.join(t)
	s.enrol(t, "ok", 12900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "nightly").code)
	require.Empty(t, people.read(t), "good runs are quiet")

	for _, behaviour := range []string{"ok", "ok", "soft", "soft", "hard", "wrong_amount"} {
		s.enrol(t, behaviour, 4900)
	}
	require.Zero(t, s.duly(t, "run", "billing", "--dry-run").code)
	require.Empty(t, people.read(t), "a dry run tells nobody")
	require.Equal(t, batch.ExitReview, s.duly(t, "run", "billing").code)
	golden.Equal(t, "alert.golden", steady(people.one(t)))

	s.enrol(t, "ok", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Empty(t, people.read(t), "what was there before is no news")
	s.exec(t, "INSERT INTO pauses (subject, who, reason) VALUES ('billing', 'kim', 'audit')")
	require.Equal(t, batch.ExitNotRun, s.duly(t, "run", "billing").code)
	require.Empty(t, people.read(t), "somebody paused it and knows")
}

// The summary, its document, the log and the alert say the same of the commonest causes: five, and how many others there are. The
// page groups the rows in review alike.
func TestCommonestCauses(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people := s.join(t)
	for i := range 11 {
		s.enrol(t, "wrong_amount", []int64{999, 999, 999, 999, 999, 1, 2, 3, 4, 5, 999}[i])
	}
	for _, behaviour := range []string{"soft", "soft", "hard", "ok"} {
		s.enrol(t, behaviour, 100)
	}
	s.exec(t, "UPDATE subscriptions SET currency = 'EUX' WHERE id = ?", s.enrol(t, "ok", 100))
	s.exec(t, "UPDATE subscriptions SET customer_id = '' WHERE id = ?", s.enrol(t, "ok", 100))
	page := filepath.Join(t.TempDir(), "run.html")
	got := s.duly(t, "run", "billing", "--report", page)
	require.Equal(t, batch.ExitReview, got.code, got.err)
	want := []string{
		"6 × in review: gateway booked 1,000 KRW, invoice is 999 KRW",
		"5 × in review: gateway booked … KRW, invoice is … KRW",
		`1 × in review: currency "EUX" is not a known ISO 4217 code in upper case`,
		"1 × in review: customer_id is empty",
		"2 × declined: do_not_honor",
		"and 1 other",
	}
	for _, line := range []string{
		"Declined   3: do_not_honor 2, lost_card 1",
		"Review     13 need you · duly list review",
		"           6 invoices       gateway booked 1,000 KRW, invoice is 999 KRW (1, 2, 3 and 3 more) · duly show invoice 1",
		"           5 invoices       gateway booked … KRW, invoice is … KRW (6, 7, 8 and 2 more) · duly show invoice 6",
		"           subscription ",
		"           and 1 more",
	} {
		require.Contains(t, got.out, line)
	}
	require.Contains(t, got.err, `"msg":"commonest causes"`)
	require.Contains(t, got.err, strings.ReplaceAll(strings.Join(want, "; "), `"`, `\"`))
	alert := people.one(t)
	for _, line := range []string{
		": 13 rows need you", "• 6 invoices: gateway booked 1,000 KRW, invoice is 999 KRW (1, 2, 3 and 3 more)\n",
		"• 5 invoices: gateway booked … KRW, invoice is … KRW (6, 7, 8 and 2 more)\n", `currency "EUX" is not a known ISO 4217 code`,
	} {
		require.Contains(t, alert, line)
	}
	html, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, text := range []string{
		"<strong>6 invoices</strong>", "gateway booked 1,000 KRW, invoice is 999 KRW", "<strong>5 invoices</strong>", "gateway booked … KRW, invoice is … KRW",
		"do_not_honor", "customer_id is empty",
	} {
		require.Contains(t, string(html), text)
	}
}

func TestPeopleAreToldOfFailures(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people := s.join(t)
	s.enrol(t, "ok", 100)
	s.enrol(t, "ok", 100)
	require.Equal(t, batch.ExitUnfinished, s.duly(t, "run", "billing", "--limit", "1").code)
	got := people.one(t)
	require.Regexp(t, `billing of \d+ \w+: unfinished, a later run goes on`, got)
	require.Contains(t, got, "• 1 invoice of step collect due and not charged\n• --limit ended the work")
	require.Contains(t, got, "[section]\n```\nduly run billing --rerun 1\n```")

	s.sim.Update(func(c *simulator.Config) { c.Token = "another" })
	require.Equal(t, batch.ExitFailed, s.duly(t, "run", "billing").code)
	got = people.one(t)
	require.Regexp(t, `billing of \d+ \w+: failed, nothing lost`, got)
	require.Regexp(t, `• [a-z-]+: gateway main: refused our credentials`, got)
	require.Contains(t, got, "• 1 invoice of step collect due and not charged")
	require.Contains(t, got, "duly doctor\nduly run billing --rerun 2")
}

// What ends before there is a run is told of if the configuration can be read, whatever else is wrong.
func TestPeopleAreToldOfMistakes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people := s.join(t)
	for _, c := range []struct {
		name string
		args []string
		env  string
		code int
		want string // empty: nothing is told
	}{
		{"a date that is none", []string{"billing", "--date", "1-1"}, "", 2, "• --date: "},
		{"a flag that no key takes", []string{"billing", "--chunk-size", "1000000"}, "", 2, "• billing.chunk_size: "},
		{"no such job", []string{"biling"}, "", 2, `unknown job "biling"`},
		{"an unknown flag", []string{"billing", "--dat", "x"}, "", 2, "• unknown flag --dat; did you mean --date?"},
		{"a flag of another job", []string{"nightly", "--step", "x"}, "", 2, "nightly is several runs"},
		{"no gateway", []string{"billing"}, "DULY_GATEWAYS_MAIN_TYPE=stripee", 2, ""},
		{"a database that is down", []string{"billing", "--date", "2026-01-31"}, "DULY_DATABASE_DSN=duly:s3cr3t@tcp(127.0.0.1:1)/shop", 4, "duly doctor\nduly run billing --date 2026-01-31"},
		{"a night without a database", []string{"nightly"}, "DULY_DATABASE_DSN=duly:s3cr3t@tcp(127.0.0.1:1)/shop", 4, "duly run nightly"},
		{"a log file that cannot be", []string{"billing"}, "DULY_LOG_FILE=/dev/null/x", 2, "• log.file: "},
		{"which configuration is not clear", []string{"billing", "--dat", "x", "--config", "other.yaml"}, "", 2, ""},
		{"only tried", []string{"billing", "--dry-run", "--date", "1-1"}, "", 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := s.env
			if c.env != "" {
				env = append(append([]string{}, s.env...), c.env)
			}
			got := duly(t, s.each, env, append([]string{"run"}, c.args...)...)
			require.Equal(t, c.code, got.code, got.err)
			if c.want == "" {
				require.Empty(t, people.read(t))
				return
			}
			text := people.one(t)
			require.Contains(t, text, c.want)
			require.Contains(t, text, fmt.Sprintf("exit %d · ", c.code))
		})
	}
	require.Equal(t, 2, s.duly(t, "show", "run", "x").code)
	require.Empty(t, people.read(t), "other commands have somebody who reads")
}

// One message for the whole night.
func TestPeopleAreToldOfANightOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people := s.join(t)
	s.enrol(t, "wrong_amount", 500)
	s.enrol(t, "soft", 500)
	got := s.duly(t, "run", "nightly")
	require.NotEqual(t, batch.ExitDone, got.code, got.out)
	text := people.read(t)
	require.NotEmpty(t, text)
	// The outbox of the night tells of the review itself, as of any event.
	alerts := 0
	for i, m := range text {
		if strings.Contains(m, "exit 3 · ") {
			alerts++
			people.messages = text[i : i+1]
		}
	}
	require.Equal(t, 1, alerts)
	golden.Equal(t, "alert-night.golden", steady(people.one(t)))
}

// A run that died is told of by the next, once; if people could not be told, by the one after it.
func TestPeopleAreToldOfARunThatDied(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people := s.join(t)
	within := 4 * time.Second // a loaded machine notices the dead run in that time, and people do not answer
	s.each = func(a *app.Command) { a.AlertWithin = within }
	s.live(t, 7)
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR")
	people.say(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM job_runs WHERE id = 7 AND status = 'abandoned' AND told_at IS NULL"))
	people.say(nil)
	within = patience
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "report").code)
	golden.Equal(t, "alert-died.golden", steady(people.one(t)))
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Empty(t, people.read(t))

	s.exec(t, "UPDATE job_runs SET told_at = NULL, heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 8 DAY WHERE id = 7")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Empty(t, people.read(t), "long ago")

	// A run that told of itself is not told of again.
	s.exec(t, "UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) WHERE id = 7")
	s.enrol(t, "ok", 1)
	s.enrol(t, "ok", 1)
	require.Equal(t, batch.ExitUnfinished, s.duly(t, "run", "billing", "--limit", "1").code)
	require.Contains(t, people.one(t), "run 7 of billing died")
	s.exec(t, "UPDATE job_runs SET status = 'abandoned' WHERE exit_code = 4")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Empty(t, people.read(t))
}

// Whatever Slack does, a run ends as it would, and in time.
func TestSlackChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people := s.join(t)
	s.enrol(t, "wrong_amount", 500)
	require.Equal(t, batch.ExitReview, s.duly(t, "run", "billing").code)
	people.read(t)
	s.each = func(a *app.Command) { a.AlertWithin = 400 * time.Millisecond }
	for name, answer := range map[string]http.HandlerFunc{
		"down": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"slow": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"rate limit": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		},
		"gone": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
	} {
		t.Run(name, func(t *testing.T) {
			people.say(answer)
			s.exec(t, "UPDATE subscriptions SET review_reason = NULL")
			s.enrol(t, "wrong_amount", 500)
			got := s.duly(t, "run", "billing", "--json") // it ends, though the answer that it would wait for does not come
			require.Equal(t, batch.ExitReview, got.code, got.err)
			require.Equal(t, batch.ExitReview, document[view.Summary](t, got).Exit)
			require.Contains(t, got.err, `"level":"WARN","msg":"people on Slack could not be told","error":"127.0.0.1:`)
			require.NotContains(t, got.err, secretHook)
		})
	}
}

// By a bot, against the library's own server: as it answers, and refusing.
func TestPeopleAreToldByABot(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	answers := make(chan string, 1)
	answers <- `{"ok": true}`
	var form struct{ authorization, channel, text, blocks string }
	server := slacktest.NewTestServer(func(c slacktest.Customize) {
		c.Handle("/chat.postMessage", func(w http.ResponseWriter, r *http.Request) {
			form.authorization, form.channel = r.Header.Get("Authorization")+r.FormValue("token"), r.FormValue("channel")
			form.text, form.blocks = r.FormValue("text"), r.FormValue("blocks")
			answer := <-answers
			answers <- answer
			_, _ = io.WriteString(w, answer)
		})
	})
	server.Start()
	t.Cleanup(server.Stop)
	s.env = append(s.env, "DULY_SLACK_TOKEN=xoxb-of-nobody", "DULY_SLACK_CHANNEL=#billing")
	s.each = func(a *app.Command) { a.AlertWithin, a.SlackAPI = 500*time.Millisecond, server.GetAPIURL() }
	s.enrol(t, "wrong_amount", 500)
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitReview, got.code)
	require.NotContains(t, got.err, "could not be told")
	require.Contains(t, form.authorization, "xoxb-of-nobody")
	require.Equal(t, "#billing", form.channel)
	require.Regexp(t, `^\*billing of \d+ \w+: 1 row needs you\*`, form.text)
	require.Contains(t, form.blocks, "• invoice 1: gateway booked ")

	for word, mend := range map[string]string{
		"invalid_auth": "set slack.token to the Bot User OAuth Token", "not_in_channel": "invite the bot to the channel: type /invite @ and its name in #billing",
		"channel_not_found": `check slack.channel, "#billing"`, "missing_scope": "chat:write",
	} {
		<-answers
		answers <- `{"ok": false, "error": "` + word + `"}`
		s.enrol(t, "wrong_amount", 500)
		got := s.duly(t, "run", "billing")
		require.Equal(t, batch.ExitReview, got.code)
		require.Contains(t, got.err, `"msg":"people on Slack could not be told","error":"slack.com answered `+word+`"`)
		found := failing(t, s.duly(t, "doctor", "--slack", "--json"))
		require.Equal(t, "slack", found.Check)
		require.Equal(t, "slack.com answered "+word, found.Detail)
		require.Contains(t, found.Mend, mend)
	}
}

// A stop without a terminal is told of.
func TestPeopleAreToldOfAStop(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people := s.join(t)
	s.enrol(t, "ok", 100)
	for _, terminal := range []bool{true, false} {
		ctx, cancel := context.WithCancelCause(t.Context())
		a := newApp(s.env, io.Discard, io.Discard)
		a.Screen.Terminal = func(io.Writer) bool { return terminal }
		a.Started = func() { cancel(exit.SignalError{Signal: syscall.SIGTERM}) }
		require.Equal(t, 143, execute(ctx, a, []string{"run", "billing", "--no-progress"}))
		if terminal {
			require.Empty(t, people.read(t))
		} else {
			require.Contains(t, people.one(t), ": stopped by SIGTERM")
		}
	}
}

func TestDoctorOfSlack(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.Equal(t, "not configured", failing(t, s.duly(t, "doctor", "--slack", "--json")).Detail)
	people := s.join(t)
	got := s.duly(t, "doctor", "--verbose")
	require.Equal(t, batch.ExitDone, got.code, got.out)
	require.Contains(t, got.out, "not tried: duly doctor --slack sends a test message")
	require.NotContains(t, got.out, secretHook)
	require.Empty(t, people.read(t))
	require.Equal(t, batch.ExitDone, s.duly(t, "doctor", "--slack").code)
	require.Contains(t, people.one(t), "duly: a test message")
	people.say(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	found := failing(t, s.duly(t, "doctor", "--slack", "--json"))
	require.Contains(t, found.Detail, " answered 404 Not Found")
	require.Contains(t, found.Mend, "add one under Incoming Webhooks")

	for env, want := range map[string]string{
		"DULY_SLACK_WEBHOOK_URL=https://hooks.slack.com/T0/B0/x": "slack.webhook_url is not of the form",
		"DULY_SLACK_TOKEN=xapp-1 DULY_SLACK_CHANNEL=#x":          "slack.token is not a bot's token",
	} {
		one := newShop(t)
		one.env = append(one.env, strings.Fields(env)...)
		require.Contains(t, failing(t, one.duly(t, "doctor", "--json")).Detail, want)
	}
}
