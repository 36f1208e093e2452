package readers

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/testdb"
	"duly/internal/worktest"
)

var update = flag.Bool("update", false, "write the golden files")

// Every claim and every list of candidates must walk an index in its own order, however small the tables are: a
// claim that sorts locks every row that it looks at.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{5, 100_000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			plain := testdb.New(t)
			fill(t, plain, rows)
			fillOrders(t, plain, rows)
			fillAudit(t, plain)
			fillDeliveries(t, plain, rows)
			db := worktest.Open(t, plain.DSN)
			var got strings.Builder
			for _, q := range slices.Concat(claims(rows), orderClaims(rows), refundQueries(rows), auditReads(rows), deliveryClaims(rows)) {
				lines := explain(t, db, q, rows > 5)
				if !q.read {
					fmt.Fprintf(&got, "%s\n%s", q.name, lines)
				}
			}
			golden := filepath.Join("testdata", fmt.Sprintf("explain-%s-%d.golden", testdb.Engine(), rows))
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "go test ./readers -run Explain -update writes it")
			require.Equal(t, string(want), got.String())
		})
	}
}

// fill makes tables in which most rows are history: paid invoices, succeeded attempts.
func fill(t *testing.T, db *testdb.DB, rows int) {
	t.Helper()
	worktest.Enrol(t, db, rows, "2026-01-31", func(i int, s *worktest.Subscription) {
		if i%5 != 0 && rows > 5 {
			s.Next = "2026-02-28"
		}
	})
	worktest.Exec(t, db, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, stage, next_attempt_date, issued_date)
SELECT id, '2026-01-31', amount, currency, IF(id % 5 = 0, 'open', 'paid'), 0, '2026-01-31', '2026-01-31' FROM subscriptions`)
	worktest.Exec(t, db, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version)
VALUES ('billing', '2026-01-31', '{}', 'completed', '1234567890123456', 60000, 'host', 1, 'v')`)
	worktest.Exec(t, db, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, run_id, lease, next_check_at)
SELECT id, subscription_id, 1, 0, CONCAT('sub_', subscription_id, '-1'), 'r', 'c', amount, currency, 'main', 'pm', 1,
CASE id % 50 WHEN 0 THEN 'in_doubt' WHEN 1 THEN 'in_flight' ELSE 'succeeded' END, 1, UNHEX(LPAD(HEX(id), 32, '0')),
IF(id % 50 = 0, '2026-01-01' + INTERVAL id SECOND, NULL) FROM invoices`)
	worktest.Exec(t, db, `INSERT INTO gateway_answers (idempotency_key, answer, run_id)
SELECT idempotency_key, '{}', 1 FROM payment_attempts WHERE id % 5 = 0`)
	worktest.Exec(t, db, `ANALYZE TABLE subscriptions, invoices, payment_attempts, job_runs, gateway_answers`)
}

type claimQuery struct {
	name  string
	query string
	args  []any
	// read: it locks nothing and lists no candidates, and its few rows may be sorted.
	read bool
}

// claims are the statements of the claims, as they are run for a chunk of 500 in the middle of a walk.
func claims(rows int) []claimQuery {
	n := min(rows, 500)
	ids := make([]uint64, n)
	keys := make([]string, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
		keys[i] = fmt.Sprintf("sub_%d-1", ids[i])
	}
	const business, first = "2026-01-31", "0000-00-00"
	from := uint64(rows / 2)
	now, epoch := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)
	middle := time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	skip := " FOR UPDATE SKIP LOCKED"
	lease := make([]byte, 16)
	return []claimQuery{
		{"stage candidates, at the head", fmt.Sprintf(stageCandidates, ""), []any{0, business, first, first, 0, n}, false},
		{"stage candidates, in the middle", fmt.Sprintf(stageCandidates, ""), []any{0, business, business, business, from, n}, false},
		{"stage lock", stageLock + skip, []any{ids, 0, business, now}, false},
		{"stage lock, waiting", stageLock + " FOR UPDATE", []any{ids, 0, business, now}, false},
		{"stage lock, one row", stageLock + skip, []any{ids[4:5], 0, business, now}, false},
		{"subscription lock", subscriptionLock + skip, []any{ids}, false},
		{"past attempts", pastAttempts, []any{ids}, true},
		{"attempts of a lease", readBack, []any{lease}, true},
		{"attempts of a lease and of the fence", readBack + readFence, []any{lease, ids[:2]}, true},
		{"attempts of the fence", fmt.Sprintf(fenceRows, "NULL"), []any{ids[:3]}, true},
		{"due candidates, at the head", fmt.Sprintf(dueCandidates, ""), []any{"active", business, first, first, 0, n}, false},
		{"due candidates, in the middle", fmt.Sprintf(dueCandidates, ""), []any{"active", business, business, business, from, n}, false},
		{"due lock", dueLock + skip, []any{ids, "active", business}, false},
		{"newest invoices", newestInvoices, []any{ids}, true},
		{"invoiced dates", invoicedDates, []any{ids}, true},
		{"doubt candidates, at the head", fmt.Sprintf(doubtCandidates, ""), []any{now, epoch, epoch, 0, n}, false},
		{"doubt candidates, in the middle", fmt.Sprintf(doubtCandidates, ""), []any{now, middle, middle, from, n}, false},
		{"orphan candidates", fmt.Sprintf(orphanCandidates, ""), []any{from, 1, n}, false},
		{"doubt lock", doubtLock, []any{ids}, false},
		{"doubt invoices", doubtInvoices, []any{ids}, true},
		{"kept answers", keptAnswers, []any{keys}, true},
		{"next check", fmt.Sprintf(earliestCheck, ""), nil, true},
	}
}

// explain is a line for each table of a query, without the numbers that are estimates. Claims must go by an
// index, and in its order; what only reads, by an index if the tables are large.
func explain(t *testing.T, db *mysql.DB, q claimQuery, large bool) string {
	t.Helper()
	query, args, err := mysql.In(q.query, q.args...)
	require.NoError(t, err, q.name)
	how := "EXPLAIN "
	if testdb.Engine() == "mysql" {
		how = "EXPLAIN FORMAT=TRADITIONAL "
	}
	rows, err := db.QueryxContext(t.Context(), how+query, args...)
	require.NoError(t, err, q.name)
	defer func() { require.NoError(t, rows.Close()) }()
	var to strings.Builder
	for rows.Next() {
		row := map[string]any{}
		require.NoError(t, rows.MapScan(row))
		text := func(column string) string {
			switch v := row[column].(type) {
			case []byte:
				return string(v)
			case nil:
				return "-"
			default:
				return fmt.Sprint(v)
			}
		}
		fmt.Fprintf(&to, "  %s: %s by %s, %s\n", text("table"), text("type"), text("key"), text("Extra"))
		if text("table") == "-" || q.read && !large { // optimised away, or small
			continue
		}
		require.NotEqual(t, "-", text("key"), "%s: no index", q.name)
		if !q.read {
			require.NotContains(t, text("Extra"), "filesort", q.name)
			require.NotContains(t, text("Extra"), "temporary", q.name)
		}
	}
	require.NoError(t, rows.Err())
	return to.String()
}
