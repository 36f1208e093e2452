package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/gateway/simulator"
	"duly/internal/test/testdb"
	"duly/migrations"
)

// asProgram in the environment makes the test binary the program itself, for tests that send it signals.
const asProgram = "DULY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(testdb.Main(m))
}

// The secrets that no output may hold.
const (
	secretToken  = "token-of-nobody"
	secretMethod = "s3cr3t"
)

// shop is a database and a payment service to run duly on.
type shop struct {
	db  *testdb.DB
	sim *simulator.Simulator
	env []string
	// each is called on every app before it runs.
	each func(*app.Command)
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{db: testdb.New(t), sim: simulator.New(simulator.Config{Token: secretToken, Seed: 7}), each: func(*app.Command) {}}
	server := httptest.NewServer(s.sim)
	t.Cleanup(func() { s.sim.Close(); server.Close() })
	s.env = []string{
		"DULY_DATABASE_DSN=" + s.db.DSN, "DULY_GATEWAYS_MAIN_URL=" + server.URL, "DULY_GATEWAYS_MAIN_TOKEN=" + secretToken,
		"DULY_GATEWAYS_MAIN_TRIES=1", "DULY_GATEWAYS_MAIN_BACKOFF=1ms",
	}
	return s
}

// enrol adds a subscription that fell due a day ago and pays by a method that the simulator knows by its name.
func (s *shop) enrol(t *testing.T, behaviour string, amount int64) uint64 {
	t.Helper()
	result, err := s.db.ExecContext(t.Context(), `INSERT INTO subscriptions
(customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date)
VALUES ('cus_1', 'main', CONCAT(?, '-', UUID_SHORT()), ?, 'KRW', 'month', UTC_DATE() - INTERVAL 1 DAY)`, "pm_"+behaviour+":"+secretMethod, amount)
	require.NoError(t, err)
	id, err := result.LastInsertId()
	require.NoError(t, err)
	return uint64(id)
}

func (s *shop) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	_, err := s.db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

func (s *shop) number(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	require.NoError(t, s.db.GetContext(t.Context(), &n, query, args...))
	return n
}

// ended is what a run of the program left behind.
type ended struct {
	code     int
	out, err string
}

func (s *shop) duly(t *testing.T, args ...string) ended {
	t.Helper()
	return duly(t, s.each, s.env, args...)
}

// duly runs the program as main does, and checks that no secret came out.
func duly(t *testing.T, each func(*app.Command), env []string, args ...string) ended {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, end := interruptible(context.WithoutCancel(t.Context()))
	defer end()
	a := newApp(env, &out, &errs)
	each(a)
	got := ended{code: execute(ctx, a, args), out: out.String(), err: errs.String()}
	for _, secret := range []string{secretMethod, secretToken} {
		require.NotContains(t, got.out, secret)
		require.NotContains(t, got.err, secret)
	}
	return got
}

func same(*app.Command) {}

// document reads the JSON document on standard output, which must be the only thing there.
func document[T any](t *testing.T, got ended) (doc T) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(got.out))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&doc), got.out)
	require.False(t, decoder.More(), got.out)
	return doc
}

var (
	instants  = regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)`)
	dates     = regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`)
	days      = regexp.MustCompile(`\b\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)( 20\d\d)?\b`)
	clocks    = regexp.MustCompile(`\b\d\d:\d\d\b`)
	compact   = regexp.MustCompile(`_20\d{6}\b`)
	durations = regexp.MustCompile(`\b(\d+h)?(\d+m)?\d+(\.\d+)?(µs|ms|s)\b`)
	addresses = regexp.MustCompile(`http://127\.0\.0\.1:\d+|/\S+\.sock/test_\d+(, \d+\..*)?|\bproc?ess \d+|\bon [\w.-]+ \(`)
)

// steady replaces what differs from run to run. Columns of tables keep no width, and times no day: what was two hours ago was yesterday at one o'clock.
func steady(text string) string {
	text = instants.ReplaceAllString(text, "INSTANT")
	text = days.ReplaceAllString(text, "DAY")
	text = clocks.ReplaceAllString(text, "CLOCK")
	text = dates.ReplaceAllString(text, "DATE")
	text = strings.ReplaceAll(days.ReplaceAllString(text, "DAY"), "DAY CLOCK", "CLOCK")
	text = compact.ReplaceAllString(text, "_DATE")
	text = durations.ReplaceAllString(text, "TIME")
	text = addresses.ReplaceAllString(text, "HERE")
	if host, err := os.Hostname(); err == nil {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(host)+`\b`).ReplaceAllString(text, "HOST")
	}
	text = regexp.MustCompile(`─+`).ReplaceAllString(text, "─")
	return regexp.MustCompile(` +`).ReplaceAllString(text, " ")
}

// noNumbers replaces measured numbers in a document.
func noNumbers(text string) string {
	return regexp.MustCompile(`"(seconds|pid|anchor_day)": [\d.e-]+`).ReplaceAllString(text, `"$1": 0`)
}

// tables is the content of every table.
func (s *shop) tables(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, table := range slices.Concat(migrations.Tables(), []string{"claim_probe", migrations.Table}) {
		s.table(t, table, &b)
	}
	return b.String()
}

// table writes the content of one.
func (s *shop) table(t *testing.T, name string, to io.Writer) {
	t.Helper()
	rows, err := s.db.QueryxContext(t.Context(), "SELECT * FROM "+name+" ORDER BY 1, 2") //nolint:sqlclosecheck // it is, below
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		values, err := rows.SliceScan()
		require.NoError(t, err)
		fmt.Fprintln(to, name, values)
	}
	require.NoError(t, rows.Err())
}

// once is an every that ticks when it is told to.
func once(tick *func()) func(time.Duration, func()) func() {
	return func(_ time.Duration, f func()) func() {
		*tick = f
		return func() {}
	}
}
