package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/payment"
)

// What a shop, a gateway or an operator may write: a forged line, sequences for the terminal, mentions and code for Slack, a
// formula, an override of the direction, and a lot of it.
const (
	forged  = "duly resolve attempt 666 --as paid pay_evil"
	hostile = "=HYPERLINK(\"http://e\",\"x\")\nnext: " + forged + "\r\x1b[2J\x1b]0;t\a\u009b1m<!channel> <@U1> `duly pause billing` *b*\u202egnp\u2028\u200b"
)

// wrapped is a terminal that breaks lines.
const wrapped = "a narrow terminal"

func longHostile() string { return hostile + strings.Repeat("Z", 60_000) }

// hostileGateway answers some charges with hostile texts, and passes the others on.
type hostileGateway struct{ next http.Handler }

// ServeHTTP implements http.Handler.
func (g hostileGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	var charge map[string]any
	_ = json.Unmarshal(body, &charge)
	method, _ := charge["payment_method"].(string)
	say := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	refusal := map[string]any{"code": hostile, "message": longHostile()}
	answer := func(status string) map[string]any {
		charge["id"], charge["status"], charge["created_at"] = "pay_"+hostile, status, "2026-01-01T00:00:00Z"
		charge["idempotency_key"] = r.Header.Get("Idempotency-Key")
		return charge
	}
	switch {
	case strings.Contains(method, "402"):
		answer("declined")["decline"] = map[string]any{"code": hostile, "message": longHostile(), "class": "soft", "network_code": hostile, "advice_code": hostile}
		say(http.StatusPaymentRequired, charge)
	case strings.Contains(method, "400"):
		say(http.StatusBadRequest, refusal)
	case strings.Contains(method, "500"), strings.HasSuffix(r.URL.Path, "/refunds"):
		say(http.StatusInternalServerError, refusal)
	case strings.Contains(method, "yes"):
		say(http.StatusOK, answer("succeeded"))
	case strings.Contains(method, "other"):
		answer("succeeded")["amount"] = 1
		say(http.StatusOK, charge)
	default:
		g.next.ServeHTTP(w, r)
	}
}

// legible fails for anything in what people read that is not a character in its place, and for a line that somebody else wrote.
func legible(t *testing.T, channel, shown string) {
	t.Helper()
	require.NotEmpty(t, shown, channel)
	require.True(t, utf8.ValidString(shown), channel)
	for line := range strings.SplitSeq(shown, "\n") {
		for _, r := range line {
			require.False(t, r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)), "%s: %q in %q", channel, r, line)
		}
		begin := strings.TrimLeft(line, "│•*`-")
		if channel != wrapped { // there what goes on of a line is indented
			begin = strings.TrimLeft(line, " │•*`-")
		}
		for _, lie := range []string{"next: duly resolve attempt 666", "duly: next: duly resolve attempt 666", "duly resolve attempt 666"} {
			require.False(t, strings.HasPrefix(begin, lie), "%s: a forged line: %q", channel, line)
		}
		require.LessOrEqual(t, len(line), 20_000, "%s: %.300s", channel, line)
	}
}

// A night, and every command that shows what it left, over a shop whose every text is hostile.
func TestHostileTextsStayTexts(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people, dir := s.join(t), t.TempDir()
	serve := func(h http.HandlerFunc) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	log, page := filepath.Join(dir, "duly.log"), filepath.Join(dir, "night.html")
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_URL="+serve(hostileGateway{s.sim}.ServeHTTP), "DULY_LOG_FILE="+log, "DULY_LOG_LEVEL=debug", "DULY_OUTBOX_TRIES=1",
		"DULY_OUTBOX_SECRET=whsec_"+strings.Repeat("QUJD", 8), "DULY_OUTBOX_URL="+serve(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, longHostile(), http.StatusBadRequest)
		})+"/hook")
	s.each = func(p *app.Command) { p.WatchedWithin, p.AlertWithin = patience, patience }

	short := func(n int) string {
		return string([]rune("\x1b\n\u202enext: " + forged + strings.Repeat(" x", 40))[:n])
	}
	for _, method := range []string{"402", "400", "500", "other", "yes", "ok", "ok"} {
		id := s.enrol(t, "ok", 9990)
		s.exec(t, "UPDATE subscriptions SET payment_method = ?, customer_id = ?, description = ?, cancel_reason = ? WHERE id = ?",
			"pm_ok:"+method+hostile, short(20)+method, short(60), hostile, id)
	}
	s.exec(t, "UPDATE subscriptions SET gateway = ? WHERE id = 6", short(30))
	s.exec(t, "UPDATE subscriptions SET status = ?, currency = 'a\n\u202e' WHERE id = 7", short(18))
	s.exec(t, "ALTER TABLE products MODIFY name MEDIUMTEXT NOT NULL")
	s.exec(t, "ALTER TABLE orders MODIFY failure_reason MEDIUMTEXT NULL, MODIFY status VARCHAR(64) NOT NULL")
	s.exec(t, "ALTER TABLE payments MODIFY failure_reason MEDIUMTEXT NULL")
	s.order(t, "payment_in_progress", payment.Succeeded)
	sold, back, odd := s.order(t, "completed", ""), s.order(t, "failed", ""), s.order(t, "pending", "")
	s.exec(t, "UPDATE products SET name = ?, stock = 4 WHERE id = 1", longHostile())
	s.exec(t, "INSERT INTO products (id, name, stock) VALUES (2, '=HYPERLINK(1)', 9)")
	s.exec(t, "INSERT INTO order_items (order_id, product_id, quantity) VALUES (?, 2, 1)", sold)
	s.exec(t, "UPDATE orders SET completed_at = UTC_TIMESTAMP(6) - INTERVAL 1 DAY WHERE id = ?", sold)
	s.exec(t, "UPDATE payments SET status = 'succeeded', transaction_key = ? WHERE order_id = ?", "pay_sold"+hostile, sold)
	s.exec(t, "UPDATE orders SET failure_reason = ?", longHostile())
	s.exec(t, "UPDATE payments SET status = 'refund_due', transaction_key = ?, failure_reason = ?, method_type = ? WHERE order_id = ?", "pay_back"+hostile, longHostile(), short(32), back)
	s.exec(t, "UPDATE payments SET gateway = ?, failure_code = ? WHERE order_id = ?", short(30), hostile[:60], odd)
	s.exec(t, `INSERT INTO order_checks (order_id, reason) VALUES (?, ?)`, odd, hostile)
	s.exec(t, `INSERT INTO events (type, subject, payload, dedupe_key) VALUES (?, ?, JSON_OBJECT('reason', ?), 'a')`, hostile[:60], "order:7"+short(40), longHostile())
	s.exec(t, `INSERT INTO events (type, subject, payload, dedupe_key) VALUES ('review.needed', ?, JSON_OBJECT('reason', ?), 'b')`, "order:7 "+short(40), longHostile())
	s.exec(t, `INSERT INTO audit_findings (kind, reference, gateway_payment_id, detail) VALUES ('unknown_here', ?, ?, JSON_OBJECT('gateway', ?))`, hostile, "pay_"+hostile, hostile)
	s.exec(t, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version, started_at, heartbeat_at, error)
VALUES ('billing', '2026-01-01', '{}', 'running', '0123456789abcdef', 1000, ?, 7, ?, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, ?)`, hostile, short(20), hostile)

	var shown []ended
	typed := func(args ...string) ended {
		t.Helper()
		got := s.duly(t, args...)
		shown = append(shown, got)
		return got
	}
	typed("pause", "prune", "--reason", longHostile())
	typed("run", "billing", "--subscription", "3", "--step", "issue,collect") // is not waited for: nobody knows whether it was charged
	s.exec(t, "UPDATE payment_attempts SET status = 'review', next_check_at = NULL WHERE subscription_id = 3")
	typed("run", "nightly", "--report", page)
	typed("run", "billing")
	typed("run", "reconcile")
	typed("run", "audit")
	typed("resolve", "attempt", "1", "--as", "ignored", "--reason", hostile)
	for _, list := range []string{"review", "doubt", "findings", "dead-events", "unknown"} {
		typed("list", list)
	}
	for _, args := range []string{
		"status", "runs", "doctor", "run nightly --dry-run", "run billing --dry-run", "run report --dry-run", "requeue event --dead", "requeue invoice 1", "show run 1", "show run 2",
		"adopt main --dry-run", "list review --matching x" + hostile[:3],
	} {
		typed(strings.Fields(args)...)
	}
	for id := range 7 {
		for _, what := range []string{"subscription", "invoice", "order", "run"} {
			typed("show", what, strconv.Itoa(id+1))
		}
	}
	typed("show", "order", hostile)
	typed(hostile)
	typed("run", "billing", "--date", hostile)
	var all strings.Builder
	for _, got := range shown {
		fmt.Fprintln(&all, got.out+got.err)
	}
	legible(t, "the terminal", all.String())
	require.Contains(t, all.String(), `=HYPERLINK(\"http://e\",\"x\")\nnext: `+forged, "the control: it arrived")
	require.Contains(t, all.String(), `\u202e`)
	require.NotContains(t, all.String(), "ZZZZZZZZZZ"+strings.Repeat("Z", 2000))
	for _, width := range []int{40, 80} { // as a terminal is written to
		s.each = func(p *app.Command) { p.Screen.Wide = width }
		legible(t, wrapped, s.duly(t, "list", "review").out+s.duly(t, "show", "order", strconv.FormatUint(back, 10)).out+s.duly(t, "status").out)
	}
	s.each = func(*app.Command) {}

	// Identifiers are as they were.
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded' AND gateway_payment_id = ?", "pay_"+hostile))
	invoice := s.duly(t, "show", "invoice", strconv.FormatInt(s.number(t, "SELECT invoice_id FROM payment_attempts WHERE status = 'succeeded' AND gateway_payment_id = ?", "pay_"+hostile), 10), "--json")
	legible(t, "documents", invoice.out)
	require.Contains(t, texts(t, invoice.out), "pay_"+hostile, "a document is faithful")

	day := s.duly(t, "run", "report", "--csv")
	legible(t, "CSV", day.out)
	rows, err := csv.NewReader(strings.NewReader(day.out)).ReadAll()
	require.NoError(t, err)
	cells := 0
	for _, row := range rows {
		for _, cell := range row {
			require.False(t, strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "@") || strings.HasPrefix(cell, "\t"), "%q", cell)
			if strings.Contains(cell, "HYPERLINK") {
				cells++
			}
		}
	}
	require.Equal(t, 2, cells, "the control: %s", day.out)

	html, err := os.ReadFile(page)
	require.NoError(t, err)
	legible(t, "the page", string(html))
	require.Contains(t, string(html), "HYPERLINK", "the control")
	require.NotContains(t, string(html), "<!channel>")

	lines, err := os.ReadFile(log)
	require.NoError(t, err)
	legible(t, "the log", string(lines))
	require.Contains(t, string(lines), "HYPERLINK", "the control")
	for line := range strings.Lines(string(lines)) {
		require.True(t, json.Valid([]byte(line)), line)
	}

	messages := people.read(t)
	require.NotEmpty(t, messages)
	arrived := false
	for _, message := range messages {
		for _, markup := range texts(t, message) {
			legible(t, "Slack", markup)
			arrived = arrived || strings.Contains(markup, "HYPERLINK")
			require.NotContains(t, markup, "<")
			require.NotContains(t, strings.ReplaceAll(markup, "\n`duly ", ""), "`duly ", "no code but ours")
		}
	}
	require.True(t, arrived, "the control: %s", messages)
}

// texts are those of a document.
func texts(t *testing.T, document string) []string {
	t.Helper()
	var m any
	require.NoError(t, json.Unmarshal([]byte(document), &m))
	var out []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, part := range v {
				walk(part)
			}
		case []any:
			for _, part := range v {
				walk(part)
			}
		case string:
			out = append(out, v)
		}
	}
	walk(m)
	return out
}

// Customers and payment methods with names of one character change no id and no amount, anywhere.
func TestShortNamesChangeNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	people := s.join(t)
	page := filepath.Join(t.TempDir(), "night.html")
	for _, name := range []string{"1", "9", "a", "0", "9", "1"} {
		id := s.enrol(t, "ok", 9_991_990)
		s.exec(t, "UPDATE subscriptions SET customer_id = ?, payment_method = ? WHERE id = ?", name, name, id)
	}
	s.exec(t, "UPDATE subscriptions SET amount = 1191 WHERE id = 6")
	s.exec(t, "UPDATE subscriptions SET gateway = 'a1a9' WHERE id = 5")
	order := s.order(t, "payment_in_progress", payment.Succeeded)
	s.exec(t, "UPDATE orders SET customer_id = '1' WHERE id = ?", order)
	var all strings.Builder
	for _, args := range []string{
		"run nightly --report " + page, "run audit --json", "list review", "list findings", "show subscription 1", "show invoice 1", "show run 2", "status", "runs", "show order " + strconv.FormatUint(order, 10),
	} {
		got := s.duly(t, strings.Fields(args)...)
		all.WriteString(got.out + got.err)
	}
	ids := map[string]bool{}
	for _, e := range s.charges() {
		ids[e.ID] = true
	}
	var stored []string
	require.NoError(t, s.db.SelectContext(t.Context(), &stored, "SELECT gateway_payment_id FROM payment_attempts WHERE status = 'succeeded'"))
	require.Len(t, stored, 5)
	for _, id := range stored {
		require.True(t, ids[id], "%q is no payment's", id)
	}
	html, err := os.ReadFile(page)
	require.NoError(t, err)
	for channel, shown := range map[string]string{"output": all.String(), "page": string(html), "Slack": strings.Join(people.read(t), ""), "tables": s.tables(t)} {
		require.NotContains(t, shown, "[redacted]", channel)
		require.NotContains(t, shown, "…", channel)
	}
	require.Contains(t, all.String(), "9,991,990 KRW")
	require.Contains(t, string(html), "39,969,151 KRW")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM audit_findings"), "nothing is charged twice or unknown")
}
