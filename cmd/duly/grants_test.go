package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	dulymysql "duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/test/testdb"
)

// The roles of deploy/sql/grants.sql.
const (
	workerRole   = "duly_worker"
	shopRole     = "duly_shop"
	operatorRole = "duly_operator"
	actingRole   = "duly_operator_write"
	migratorRole = "duly_migrator"
)

// guard makes the roles in the shop's schema, and a user of each role's name.
func (s *shop) guard(t *testing.T) *shop {
	t.Helper()
	script, err := os.ReadFile("../../deploy/sql/grants.sql")
	require.NoError(t, err)
	for range 2 { // it may be applied again
		s.exec(t, string(script))
	}
	word := "TO"
	if testdb.Engine() == "mariadb" {
		word = "FOR"
	}
	for _, role := range []string{workerRole, shopRole, operatorRole, actingRole, migratorRole} {
		s.exec(t, fmt.Sprintf("CREATE USER IF NOT EXISTS u_%[1]s@localhost IDENTIFIED BY ''; GRANT %[1]s TO u_%[1]s@localhost; SET DEFAULT ROLE %[1]s %[2]s u_%[1]s@localhost", role, word))
	}
	return s
}

// as is the shop for the user who has the role.
func (s *shop) as(role string) *shop {
	one := *s
	one.env = append(slices.Clone(s.env), "DULY_DATABASE_DSN="+s.userDSN(role))
	return &one
}

func (s *shop) userDSN(role string) string {
	return strings.Replace(s.db.DSN, "root@", "u_"+role+"@", 1)
}

// connect connects the user who has the role.
func (s *shop) connect(t *testing.T, role string) *sqlx.DB {
	t.Helper()
	db, err := sqlx.Connect("mysql", s.userDSN(role))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func deniedStatement(err error) bool {
	refused, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && slices.Contains([]uint16{1044, 1142, 1143, 1370}, refused.Number)
}

// A worker with exactly the rights of its role does everything that workers do, also with what goes wrong.
func TestTheWorkersRights(t *testing.T) {
	s := newShop(t).guard(t)
	worker := s.as(workerRole)
	require.Equal(t, batch.ExitDone, worker.duly(t, "doctor").code)

	receiver := &hook{status: http.StatusNoContent}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	worker.env = append(worker.env, "DULY_OUTBOX_URL="+server.URL+"/hook?token=s3cr3t", "DULY_OUTBOX_SECRET=whsec_"+strings.Repeat("QUJD", 8))
	for _, behaviour := range []string{"ok", "ok", "soft", "hard", "wrong_amount", "timeout"} {
		s.enrol(t, behaviour, 12900)
	}
	void := s.enrol(t, "soft", 500)
	bad := s.enrol(t, "ok", 500)
	s.exec(t, "UPDATE subscriptions SET interval_unit = 'moon' WHERE id = ?", bad)
	for _, there := range []payment.Status{payment.Succeeded, payment.Declined, payment.Pending, ""} {
		s.order(t, "payment_in_progress", there)
	}
	s.order(t, "failed", payment.Succeeded)
	got := worker.duly(t, "run", "nightly", "--no-progress", "--json")
	require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
	require.NotContains(t, got.out+got.err, "denied")

	s.exec(t, "UPDATE subscriptions SET status = 'cancelled' WHERE id = ?", void)
	s.exec(t, "UPDATE invoices SET stage = 3, next_attempt_date = UTC_DATE() - INTERVAL 1 DAY WHERE status = 'open'")
	s.exec(t, "UPDATE job_runs SET started_at = '2020-01-01', finished_at = '2020-01-01' WHERE job = 'report'")
	s.exec(t, "UPDATE events SET created_at = '2020-01-01'")
	s.exec(t, "UPDATE orders SET updated_at = UTC_TIMESTAMP(6) - INTERVAL 2 HOUR")
	got = worker.duly(t, "run", "nightly", "--no-progress", "--json")
	require.NotContains(t, got.out+got.err, "denied")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM job_runs WHERE job = 'report'"), "the old one is gone")
	require.Equal(t, batch.ExitDone, s.as(workerRole).duly(t, "run", "prune").code)
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM events WHERE created_at = '2020-01-01'"))
	require.Positive(t, s.number(t, "SELECT COUNT(*) FROM payments WHERE status = 'refunded'"))
	require.Positive(t, s.number(t, "SELECT stock < 5 FROM products WHERE id = 1"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'void'"))
	require.Positive(t, s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE cancel_reason IS NOT NULL"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM subscriptions WHERE review_reason IS NOT NULL"))
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM job_runs WHERE job = 'billing' AND host <> ''"))

	db := s.connect(t, workerRole)
	for _, statement := range []string{
		"UPDATE subscriptions SET amount = 1", "UPDATE subscriptions SET customer_id = 'mine'", "DELETE FROM subscriptions",
		"UPDATE orders SET amount = 1", "INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (99, 'x', 'pending', 1, 'KRW')",
		"UPDATE products SET name = 'x'", "UPDATE payments SET amount = 1", "DELETE FROM payments", "DELETE FROM invoices",
		"DELETE FROM payment_attempts", "DELETE FROM audit_findings", "UPDATE operator_actions SET who = 'x'",
		"UPDATE pauses SET reason = 'x'", "DELETE FROM pauses", "UPDATE duly_migrations SET version_id = 7", "DROP TABLE events",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.True(t, deniedStatement(err), "%s: %v", statement, err)
	}
}

// Every right that the worker's role has is needed: without it doctor says which one is missing.
func TestDoctorTellsEveryRightThatIsMissing(t *testing.T) {
	s := newShop(t).guard(t)
	worker := s.as(workerRole)
	grants := regexp.MustCompile(`GRANT ((?s:[^;]*?)) ON (\w+) TO `+workerRole+`;`).FindAllStringSubmatch(grantScript(t), -1)
	require.NotEmpty(t, grants)
	rights := regexp.MustCompile(`\w+(?: \([^)]*\))?`)
	for _, g := range grants {
		table := g[2]
		if table == "duly_migrations" {
			continue // read before anything else
		}
		for _, right := range rights.FindAllString(g[1], -1) {
			verb, columns, _ := strings.Cut(right, " ")
			for column := range strings.SplitSeq(strings.Trim(columns, "()"), ", ") {
				one := verb
				if column != "" {
					one += " (" + column + ")"
				}
				s.exec(t, fmt.Sprintf("REVOKE %s ON %s FROM %s", one, table, workerRole))
				found := failing(t, worker.duly(t, "doctor", "--json"))
				switch {
				case !slices.Contains(dulymysql.ShopTables(), table):
					require.Equal(t, "privileges", found.Check)
				case column == "":
					require.Equal(t, table, found.Check)
				default:
					require.Equal(t, table+"."+column, found.Check)
				}
				require.Contains(t, found.Detail, " on "+table, one)
				require.Contains(t, found.Detail, verb, table)
				require.Contains(t, found.Mend, workerRole)
				if column != "" {
					require.Contains(t, found.Detail, column)
				}
				s.exec(t, fmt.Sprintf("GRANT %s ON %s TO %s", one, table, workerRole))
			}
		}
	}
	require.Equal(t, batch.ExitDone, worker.duly(t, "doctor").code)
}

func grantScript(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("../../deploy/sql/grants.sql")
	require.NoError(t, err)
	return string(script)
}

// The grants speak of every table, and each table is readable by workers and operators.
func TestTheGrantsKnowEveryTable(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var tables []string
	require.NoError(t, s.db.SelectContext(t.Context(), &tables, "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()"))
	require.NotEmpty(t, tables)
	script := grantScript(t)
	for _, table := range tables {
		for _, role := range []string{workerRole, operatorRole} {
			require.Regexp(t, `GRANT SELECT[^;]* ON `+table+` TO `+role+`;`, script, "deploy/sql/grants.sql gives %s nothing on %s", role, table)
		}
	}
}

// The shop's role does every statement of docs/integration.md, and cannot write what is duly's.
func TestTheShopsRights(t *testing.T) {
	s := newShop(t).guard(t)
	text, err := os.ReadFile("../../docs/integration.md")
	require.NoError(t, err)
	db := s.connect(t, shopRole)
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		for statement := range strings.SplitSeq(regexp.MustCompile(`--[^\n]*`).ReplaceAllString(block[1], ""), ";") {
			if statement = strings.TrimSpace(statement); statement == "" || strings.Contains(statement, "…") {
				continue
			}
			_, err := db.ExecContext(t.Context(), statement)
			require.False(t, deniedStatement(err), "%s: %v", statement, err)
		}
	}
	for _, statement := range []string{
		"INSERT INTO events (type, subject, payload) VALUES ('shop.opened', 'shop', '{}')",
		"INSERT INTO orders (id, customer_id, status, amount, currency) VALUES (98, 'cus_1', 'pending', 100, 'KRW')",
		"INSERT INTO products (id, name, stock) VALUES (98, 'Vitamin C', 5)",
		"INSERT INTO order_items (order_id, product_id, quantity) VALUES (98, 98, 1)",
		"INSERT INTO payments (order_id, gateway, status, amount, currency) VALUES (98, 'main', 'pending', 100, 'KRW')",
		"UPDATE orders SET status = 'payment_in_progress' WHERE id = 98", "UPDATE payments SET status = 'refund_due' WHERE order_id = 98",
		"UPDATE products SET stock = stock - 1 WHERE id = 98 AND stock >= 1", "SELECT * FROM invoices", "SELECT * FROM orders FOR UPDATE",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	for _, table := range []string{
		"invoices", "payment_attempts", "gateway_answers", "order_checks", "event_deliveries", "outbox_marks", "job_runs", "step_runs", "pauses",
		"operator_actions", "daily_order_stats", "daily_product_sales", "audit_findings", "claim_probe", "duly_migrations", "events",
	} {
		_, err := db.ExecContext(t.Context(), "DELETE FROM "+table)
		require.True(t, deniedStatement(err), "%s: %v", table, err)
		if table != "events" {
			_, err = db.ExecContext(t.Context(), "INSERT INTO "+table+" SELECT * FROM "+table)
			require.True(t, deniedStatement(err), "%s: %v", table, err)
		}
	}
	for _, statement := range []string{"UPDATE events SET payload = '{}'", "UPDATE subscriptions SET review_reason = NULL", "DELETE FROM subscriptions", "DROP TABLE orders"} {
		_, err := db.ExecContext(t.Context(), statement)
		require.True(t, deniedStatement(err), "%s: %v", statement, err)
	}
}

// An operator who looks can look at everything, change nothing, and have every job foretold.
func TestTheOperatorsRights(t *testing.T) {
	s := newShop(t).guard(t)
	worker, operator, acting := s.as(workerRole), s.as(operatorRole), s.as(actingRole)
	id := s.enrol(t, "wrong_amount", 100)
	s.enrol(t, "soft", 200)
	order := s.order(t, "payment_in_progress", payment.Pending)
	worker.duly(t, "run", "reconcile")
	got := worker.duly(t, "run", "billing")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	before := s.tables(t)
	for _, args := range [][]string{
		{"status"},
		{"status", "--json"},
		{"runs"},
		{"show", "run", "1"},
		{"report", "1", "--html", "-"},
		{"show", "subscription", fmt.Sprint(id)},
		{"show", "invoice", "1"},
		{"show", "order", fmt.Sprint(order)},
		{"list", "review"},
		{"list", "doubt"},
		{"list", "findings"},
		{"list", "dead-events"},
		{"list", "unknown"},
		{"resolve", "finding", "--since", "2026-01-01", "--as", "ignored", "--reason", "only shown"},
		{"migrate", "status"},
		{"run", "billing", "--dry-run"},
		{"run", "reconcile", "--dry-run"},
		{"run", "outbox", "--dry-run"},
		{"run", "report", "--dry-run"},
		{"run", "audit", "--dry-run"},
		{"run", "prune", "--dry-run"},
		{"run", "nightly", "--dry-run"},
	} {
		got := operator.duly(t, args...)
		require.Equal(t, batch.ExitDone, got.code, "%s: %s%s", args, got.out, got.err)
	}
	for _, args := range [][]string{
		{"run", "billing"}, {"requeue", "invoice", "1"}, {"resolve", "attempt", "1", "--as", "refunded", "--reason", "x"},
	} {
		require.NotEqual(t, batch.ExitDone, operator.duly(t, args...).code, args)
	}
	require.Equal(t, before, s.tables(t))

	// And one who acts does what a command does, and no more.
	for _, entry := range s.sim.Ledger() {
		if entry.Status != payment.Succeeded {
			continue
		}
		require.NoError(t, s.sim.Amend(entry.ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
	}
	got = acting.duly(t, "resolve", "attempt", "1", "--as", "refunded", "--reason", "support gave it back")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, batch.ExitDone, acting.duly(t, "requeue", "order", fmt.Sprint(order)).code)
	s.exec(t, "UPDATE payment_attempts SET status = 'declined', decline_class = 'hard', proof = 'answer' WHERE id = 1")
	s.exec(t, "UPDATE invoices SET status = 'uncollectible' WHERE id = (SELECT invoice_id FROM payment_attempts WHERE id = 1)")
	s.exec(t, `UPDATE subscriptions SET status = 'cancelled', cancel_reason = 'unpaid after the last retry: no', next_billing_date = UTC_DATE() - INTERVAL 40 DAY, anchor_day = NULL
WHERE id = (SELECT subscription_id FROM payment_attempts WHERE id = 1)`)
	run := fmt.Sprint(s.number(t, "SELECT run_id FROM payment_attempts WHERE id = 1"))
	require.Equal(t, batch.ExitDone, operator.duly(t, "reopen", "--run", run, "--gateway", "main").code)
	got = acting.duly(t, "reopen", "--run", run, "--gateway", "main", "--reason", "a wave")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	invoice := fmt.Sprint(s.number(t, "SELECT invoice_id FROM payment_attempts WHERE id = 1"))
	got = acting.duly(t, "resolve", "invoice", invoice, "--as", "paid_outside", "--reason", "bank transfer")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	s.exec(t, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version)
VALUES (77, 'billing', UTC_DATE(), '{}', 'running', REPEAT('x', 16), 60000, 'elsewhere', 1, 'dev')`)
	for _, args := range [][]string{
		{"pause", "billing", "--reason", "prices change"},
		{"resume", "billing"},
		{"pause", "gateway", "main", "--reason", "maintenance"},
		{"throttle", "77", "--parallelism", "5"},
		{"stop", "77", "--reason", "maintenance"},
		{"resume", "gateway", "main"},
	} {
		got := acting.duly(t, args...)
		require.Equal(t, batch.ExitDone, got.code, "%s: %s", args, got.err)
		require.NotEqual(t, batch.ExitDone, operator.duly(t, args...).code, args)
	}
	s.exec(t, `INSERT INTO audit_findings (id, kind, detail) VALUES (5, 'unknown_here', '{}')`)
	require.Equal(t, batch.ExitDone, acting.duly(t, "resolve", "finding", "5", "--as", "ignored", "--reason", "a test").code)
	s.exec(t, `INSERT INTO events (id, type, subject, payload) VALUES (900, 'shop.x', 'shop', '{}')`)
	s.exec(t, `INSERT INTO event_deliveries (event_id, sink, status) VALUES (900, 'webhook', 'dead')`)
	require.Equal(t, batch.ExitDone, acting.duly(t, "requeue", "event", "900").code)
	db := s.connect(t, actingRole)
	for _, statement := range []string{
		"UPDATE operator_actions SET who = 'somebody else'", "DELETE FROM operator_actions", "DELETE FROM payment_attempts", "UPDATE orders SET status = 'completed'",
		"UPDATE subscriptions SET amount = 1", "UPDATE payments SET amount = 1", "UPDATE job_runs SET status = 'completed'",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.True(t, deniedStatement(err), "%s: %v", statement, err)
	}
}

// Who migrates needs no right outside the schema.
func TestTheMigratorsRights(t *testing.T) {
	s := newShop(t).guard(t)
	migrator := s.as(migratorRole)
	got := migrator.duly(t, "migrate", "down")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	got = migrator.duly(t, "migrate", "up")
	require.Equal(t, batch.ExitDone, got.code, got.err)
}

// A replica takes no write, and commands that only read make none.
func TestStatusOfAReplica(t *testing.T) {
	s := newShop(t)
	s.db = testdb.NewServer(t).New(t)
	s.env = append(s.env, "DULY_DATABASE_DSN="+s.db.DSN)
	s.guard(t)
	id := s.enrol(t, "soft", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.exec(t, "SET GLOBAL read_only = 1")
	if testdb.Engine() == "mysql" {
		s.exec(t, "SET GLOBAL super_read_only = 1")
	}
	operator := s.as(operatorRole)
	for _, args := range [][]string{
		{"status"},
		{"status", "--json"},
		{"runs"},
		{"show", "run", "1"},
		{"report", "1", "--html", "-"},
		{"show", "subscription", fmt.Sprint(id)},
		{"list", "review"},
		{"migrate", "status"},
		{"run", "billing", "--dry-run"},
	} {
		got := operator.duly(t, args...)
		require.Equal(t, batch.ExitDone, got.code, "%s: %s%s", args, got.out, got.err)
	}
	_, err := s.connect(t, shopRole).ExecContext(t.Context(), "UPDATE products SET stock = 1")
	require.Error(t, err, "it is read-only")
	require.Equal(t, batch.ExitUnfinished, s.as(workerRole).duly(t, "run", "billing").code, "a worker waits for the primary")
	s.exec(t, "SET GLOBAL read_only = 0")
}
