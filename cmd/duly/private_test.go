package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/registry"
)

// What nobody may see, wherever it comes from: personal data and payment methods of the tables, and the secrets of the
// configuration.
const (
	privateCustomer = "Canary.Jane@example.com"
	privateMethod   = "pm_canary-card"
	privateSecond   = "Cus_canary-second"
	privateToken    = "canary-gateway-token"
	privatePassword = "canary-database-password"
	privateHook     = "canary-webhook-path"
	privateSlack    = "T0CANARY/B0/canary-slack"
	privatePush     = "canary-push-password"
	privateTrace    = "canary-trace-path"
	privateTraceKey = "canary-trace-key"
	privateDeadman  = "canary-deadman-path"
	privatePanic    = "canary-panic-value"
	privateCID      = "canary-cid-secret"
)

// privateBasic is the token as a user's name in an HTTP header.
func privateBasic() string { return base64.StdEncoding.EncodeToString([]byte(privateToken + ":")) }

func privateSecret() string { return "whsec_" + strings.Repeat("Q0FO", 8) }

// canaries are all of them, in lower case.
func canaries() []string {
	all := []string{
		privateCustomer, privateMethod, privateSecond, privateToken, privateBasic(), privatePassword, privateHook, privateSlack, privatePush, privateTrace, privateTraceKey, privateDeadman, privatePanic, privateCID,
		privateSecret(),
	}
	for i, c := range all {
		all[i] = strings.ToLower(c)
	}
	return all
}

// seen are the canaries in a text.
func seen(text string) []string {
	text = strings.ToLower(text)
	found := []string{}
	for _, c := range canaries() {
		if strings.Contains(text, c) {
			found = append(found, c)
		}
	}
	return found
}

// parrot is a payment service, or anybody else who is called, that repeats what it was told wherever it can.
type parrot struct {
	next   http.Handler // nil: every answer is an error
	tongue tongue       // whose answers to charges it repeats itself in

	mu    sync.Mutex
	said  string // what it answered
	heard string // what it was sent
}

// ServeHTTP implements http.Handler.
func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	method, second := p.heardOf(r, body)
	echo := strings.Join([]string{privateCustomer, method, second, r.Header.Get("Authorization"), r.URL.Path}, " ")
	say := func(status int, v any) {
		text, _ := json.Marshal(v)
		p.mu.Lock()
		p.said += string(text) + echo
		p.mu.Unlock()
		w.Header().Set("X-Echo", echo)
		w.WriteHeader(status)
		_, _ = w.Write(text)
	}
	if p.next == nil {
		p.mu.Lock()
		p.heard += string(body)
		p.mu.Unlock()
		say(http.StatusInternalServerError, map[string]any{"code": "no_" + echo, "message": "not for " + echo})
	} else if status, answer := p.tongue.answer(r, body, method, echo); status != 0 {
		say(status, answer)
	} else {
		p.next.ServeHTTP(w, r)
	}
}

// heardOf reads the payment method and its second identifier in a request.
func (p *parrot) heardOf(r *http.Request, body []byte) (method, second string) {
	if p.tongue.heard == nil {
		return "", ""
	}
	return p.tongue.heard(r, body)
}

// aviary is a shop of which everything that could leak is a canary, and everybody that is called a parrot.
type aviary struct {
	*shop

	gateway, receiver, pushed, deadman *parrot
	slack                              *channel
	traces                             *collecting
	log                                string
	pages                              string
}

func newAviary(t *testing.T) *aviary {
	t.Helper()
	return newAviaryIn(t, tongues()[0])
}

// newAviaryIn is newAviary with a gateway that speaks a provider's language.
func newAviaryIn(t *testing.T, spoken tongue) *aviary {
	t.Helper()
	dir := t.TempDir()
	a := &aviary{
		shop: newShop(t), receiver: &parrot{}, pushed: &parrot{}, deadman: &parrot{}, slack: &channel{},
		traces: &collecting{names: map[string]string{}, up: map[string]string{}}, log: filepath.Join(dir, "duly.log"), pages: filepath.Join(dir, "run.html"),
	}
	a.each = func(p *app.Command) { p.WatchedWithin, p.AlertWithin = 300*time.Millisecond, 300*time.Millisecond }
	sim, err := simulator.Speak(spoken.dialect, simulator.Config{Token: privateToken, Seed: 7})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	a.sim, a.gateway = sim, &parrot{next: sim, tongue: spoken}
	serve := func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	a.exec(t, "CREATE USER IF NOT EXISTS canary@localhost IDENTIFIED BY '"+privatePassword+"'")
	a.exec(t, "GRANT ALL ON *.* TO canary@localhost")
	a.env = []string{
		"DULY_DATABASE_DSN=" + strings.Replace(a.db.DSN, "root@", "canary:"+privatePassword+"@", 1),
		"DULY_GATEWAYS_MAIN_TYPE=" + spoken.dialect, "DULY_GATEWAYS_MAIN_URL=" + serve(a.gateway), "DULY_GATEWAYS_MAIN_TOKEN=" + privateToken, "DULY_GATEWAYS_MAIN_TIMEOUT=10s", "DULY_GATEWAYS_MAIN_TRIES=1", "DULY_GATEWAYS_MAIN_BACKOFF=1ms",
		"DULY_OUTBOX_URL=" + serve(a.receiver) + "/" + privateHook, "DULY_OUTBOX_SECRET=" + privateSecret(), "DULY_OUTBOX_TRIES=1",
		"DULY_SLACK_WEBHOOK_URL=" + serve(a.slack) + "/services/" + privateSlack,
		"DULY_METRICS_PUSHGATEWAY=" + strings.Replace(serve(a.pushed), "http://", "http://u:"+privatePush+"@", 1),
		"DULY_TRACES_ENDPOINT=" + serve(a.traces) + "/" + privateTrace, "DULY_TRACES_SAMPLE=1", "OTEL_EXPORTER_OTLP_HEADERS=x-key=" + privateTraceKey,
		"DULY_DEADMAN_URL=" + serve(a.deadman) + "/" + privateDeadman,
		"DULY_LOG_LEVEL=debug", "DULY_LOG_FILE=" + a.log,
	}
	a.env = append(a.env, spoken.env...)
	return a
}

// columns is everything that the tables keep for people to read.
func (a *aviary) columns(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, query := range []string{
		"SELECT CONCAT_WS(' ', error, params, state, report) FROM job_runs", "SELECT CONCAT_WS(' ', message, decline_code, network_code, advice_code) FROM payment_attempts",
		"SELECT COALESCE(reason, '') FROM order_checks", "SELECT CONCAT_WS(' ', failure_code, failure_reason) FROM payments", "SELECT COALESCE(failure_reason, '') FROM orders",
		"SELECT detail FROM audit_findings", "SELECT CONCAT_WS(' ', reason, detail) FROM operator_actions", "SELECT payload FROM events", "SELECT COALESCE(last_error, '') FROM event_deliveries",
		"SELECT COALESCE(review_reason, '') FROM invoices", "SELECT COALESCE(review_reason, '') FROM subscriptions", "SELECT reason FROM pauses",
	} {
		var rows []string
		require.NoError(t, a.db.SelectContext(t.Context(), &rows, query), query)
		for _, row := range rows {
			fmt.Fprintln(&all, row)
		}
	}
	return all.String()
}

// told is what every channel was given, by its name.
func (a *aviary) told(t *testing.T, got ...ended) map[string]string {
	t.Helper()
	file, err := os.ReadFile(a.log)
	require.NoError(t, err)
	page, err := os.ReadFile(a.pages)
	require.NoError(t, err)
	all := map[string]string{
		"log file": string(file), "page": string(page), "tables": a.columns(t), "events": a.receiver.heard, "metrics": a.pushed.heard,
		"traces": string(a.traces.raw), "Slack": strings.Join(a.slack.messages, "\n"),
	}
	for _, g := range got {
		all["standard output"] += g.out
		all["standard error"] += g.err
	}
	return all
}

// Whatever a gateway, a receiver, the database or a panic says of customers, payment methods and secrets, nobody is
// told of them: but an operator who asks for one subscription or order is told whose it is, and so is the shop's own receiver of events, in
// the one field for it.
func TestNothingPrivateIsTold(t *testing.T) {
	for _, spoken := range tongues() {
		t.Run(spoken.dialect, func(t *testing.T) { nothingPrivateIsTold(t, spoken) })
	}
}

func nothingPrivateIsTold(t *testing.T, spoken tongue) {
	t.Helper()
	a := newAviaryIn(t, spoken)
	for i, what := range []string{"402", "400", "500", "ok", "ok"} {
		id := a.enrol(t, what, 100)
		method := fmt.Sprintf("pm_%s:%s-%d", what, privateMethod, i)
		if what == "ok" {
			method = "pm_ok:" + privateMethod // twice, of which the database complains
		}
		a.exec(t, "UPDATE subscriptions SET customer_id = ?, payment_method = ?, gateway_customer = ? WHERE id = ?", privateCustomer, method, privateSecond, id)
	}
	a.exec(t, "ALTER TABLE payment_attempts ADD UNIQUE KEY canaries (payment_method)")
	a.order(t, "payment_in_progress", payment.Succeeded)
	a.exec(t, "UPDATE orders SET customer_id = ?, updated_at = created_at", privateCustomer)
	refund := a.order(t, "failed", "")
	a.exec(t, "UPDATE payments SET status = 'refund_due' WHERE order_id = ?", refund)
	a.exec(t, "UPDATE orders SET customer_id = ? WHERE id = ?", privateCustomer, refund)

	var got []ended
	run := func(args string) ended {
		t.Helper()
		g := a.duly(t, strings.Fields(args)...)
		got = append(got, g)
		return g
	}
	g := run("run billing --subscription 3 --step issue,collect")
	require.Equal(t, batch.ExitUnfinished, g.code, "nobody knows whether it was charged: %s", g.err)
	a.exec(t, "UPDATE payment_attempts SET status = 'review', next_check_at = NULL")
	require.Equal(t, batch.ExitUnfinished, run("run nightly --report "+a.pages).code)
	run("run nightly --json")
	for _, args := range []string{
		"run billing --dry-run --json", "run reconcile --dry-run", "run outbox --dry-run", "runs --json", "show run 1", "show run 2 --json", "status --json", "status", "doctor", "doctor --json",
		"pause billing --reason none", "resume billing", "requeue event 1", "resolve attempt 1 --as ignored --reason none", "__complete show run ",
	} {
		run(args)
	}
	for _, p := range []*parrot{a.gateway, a.receiver, a.pushed, a.deadman} {
		require.NotEmpty(t, seen(p.said), "the control: they do repeat it")
	}
	require.Subset(t, seen(a.gateway.said), spoken.said)
	_, err := a.db.ExecContext(t.Context(), `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount,
currency, gateway, payment_method, body_version, status, run_id) SELECT 99, 99, 9, 0, 'canary', reference, customer_id, amount, currency, gateway, payment_method, 1, status, 1
FROM payment_attempts WHERE payment_method LIKE 'pm_ok%' LIMIT 1`)
	require.ErrorContains(t, err, privateMethod, "the control: the database quotes it")
	named := regexp.MustCompile(`"customer_id": ?"` + regexp.QuoteMeta(privateCustomer) + `"`)
	for channel, text := range a.told(t, got...) {
		require.NotEmpty(t, text, channel)
		if channel == "events" || channel == "tables" {
			require.Regexp(t, named, text, "%s: the customer that an event is about", channel)
			text = named.ReplaceAllString(text, "")
		}
		require.Empty(t, seen(text), "%s: %s", channel, text)
	}
	require.Positive(t, a.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'declined' AND CONCAT(decline_code, COALESCE(message, '')) LIKE '%[redacted]%'"), "the control: a decline is told, without its words")
	require.Regexp(t, `Duplicate entry '\[redacted\]' for key '(payment_attempts\.)?canaries'`, a.columns(t), "and yet it says what is wrong")

	require.Contains(t, a.duly(t, "show", "subscription", "1").out, privateCustomer, "who asks is told")
	require.Contains(t, a.duly(t, "show", "order", "1").out, privateCustomer)
}

// A DSN that does not connect, and mistakes in secret keys, tell nothing of what is in them.
func TestMistakesTellNothingPrivate(t *testing.T) {
	a := newAviary(t)
	for _, wrong := range []string{
		"DULY_DATABASE_DSN=nobody:" + privatePassword + "@tcp(127.0.0.1:1)/shop", "DULY_DATABASE_DSN=" + strings.Replace(a.db.DSN, "root@", "nobody:"+privatePassword+"@", 1),
		"DULY_DATABASE_DSN=" + privatePassword, "DULY_OUTBOX_URL=ftp://" + privateHook, "DULY_OUTBOX_SECRET=" + privateToken, "DULY_SLACK_WEBHOOK_URL=" + privateSlack,
		"DULY_METRICS_PUSHGATEWAY=" + privatePush, "DULY_DEADMAN_URL=::" + privateDeadman, "DULY_TRACES_ENDPOINT=" + privateTrace, "DULY_TRACES_ENDPOINT=http://127.0.0.1:1/?key=" + privateTrace,
		"OTEL_EXPORTER_OTLP_HEADERS=" + privateTraceKey, "DULY_GATEWAYS_MAIN_URL=http://u:" + privateToken + "@h h/",
	} {
		require.NotEmpty(t, seen(wrong), "the control")
		for _, args := range []string{"run billing", "status", "doctor", "doctor --json", "run nightly --json"} {
			got := duly(t, same, append(append([]string{}, a.env...), wrong), strings.Fields(args)...)
			require.Empty(t, seen(got.out+got.err), "%s: %s%s", wrong, got.out, got.err)
		}
	}
}

// Should a secret of the configuration get into a text all the same, the last line of defence takes it out: in every
// channel, each of which tells it without.
func TestTheLastLineOfDefence(t *testing.T) {
	leak := func(t *testing.T, bare, panics bool) (map[string]string, string) {
		t.Helper()
		a := newAviary(t)
		var out, errs bytes.Buffer
		secrets := strings.Join([]string{privateToken, privatePassword, "/" + privateHook, "/services/" + privateSlack, privatePush, privateSecret()}, " ")
		own := registry.Job{Name: "own", Steps: func(int) []string { return nil }, Build: func(e *registry.Request) (batch.Job, error) {
			return batch.Job{Name: "own", Steps: []batch.Step{batch.Tasklet{StepName: "leak", Do: func(ctx context.Context, x *batch.StepExecution) error {
				x.Log.ErrorContext(ctx, "it is "+secrets) //nolint:sloglint // the leak
				x.Leave("left: " + secrets)
				if panics {
					panic(privatePanic)
				}
				return errors.New("failed with " + secrets)
			}}}}, nil
		}}
		for _, asJSON := range []bool{false, true} {
			p := newApp(a.env, &out, &errs)
			p.Bare, p.Screen.JSON = bare, asJSON
			f := registry.Flags{Report: a.pages}
			p.WatchedWithin, p.AlertWithin = patience, patience
			ended := p.Told(t.Context(), own.Name, f)
			err := p.RunJob(t.Context(), own, f, func(string) bool { return false })
			ended(err)
			require.NoError(t, err)
		}
		return a.told(t, ended{out: out.String(), err: errs.String()}), secrets
	}
	control, secrets := leak(t, true, false)
	for channel, text := range control {
		if channel == "events" || channel == "metrics" { // they have no texts
			continue
		}
		require.NotEmpty(t, seen(text), "the control: %s would tell it", channel)
	}
	require.Contains(t, control["standard error"], secrets)
	kept, _ := leak(t, false, false)
	for channel, text := range kept {
		require.Empty(t, seen(text), "%s: %s", channel, text)
	}
	kept, _ = leak(t, true, true)
	for channel, text := range kept {
		require.NotContains(t, seen(text), privatePanic, channel)
	}
}
