package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	dulymysql "duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// mall is the shop of docs/own-tables.md: its tables in the schema mall, duly's and the views in the schema duly.
type mall struct {
	*shop

	admin *shop // duly, run by who may do everything
}

const ownTablesPage = "../../docs/own-tables.md"

func ownTablesText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(ownTablesPage)
	require.NoError(t, err)
	return string(text)
}

// newMall does what docs/own-tables.md says, block by block, up to and without the heading.
func newMall(t *testing.T, until string) *mall {
	t.Helper()
	server := testdb.NewServer(t)
	m := &mall{shop: newShop(t)}
	m.db = server.Empty(t)
	set := func(dsn string) []string { return append(slices.Clone(m.env), "DULY_DATABASE_DSN="+dsn) }
	m.admin = &shop{db: m.db, sim: m.sim, each: m.each, env: set(server.DSN("duly"))}
	m.env = set(strings.Replace(server.DSN("duly"), "root@", "duly@", 1))
	text, _, found := strings.Cut(ownTablesText(t), until)
	require.True(t, found, until)
	m.follow(t, text)
	return m
}

// follow runs the blocks of a text.
func (m *mall) follow(t *testing.T, text string) {
	t.Helper()
	blocks := regexp.MustCompile("(?s)```(sql|sh)\n(.*?)```").FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		if block[1] == "sql" {
			m.exec(t, "SET NAMES utf8mb3;"+perEngine(block[2])+"\nSET NAMES utf8mb4") // what a client has that says nothing of it
			continue
		}
		for line := range strings.SplitSeq(strings.TrimSpace(block[2]), "\n") {
			m.command(t, line)
		}
	}
}

// command runs a line of a shell block.
func (m *mall) command(t *testing.T, line string) {
	t.Helper()
	switch words := strings.Fields(line); {
	case line == "mysql duly < deploy/sql/grants.sql":
		m.exec(t, "USE duly; "+grantScript(t))
	case words[0] != "duly":
		t.Fatalf("%q is no command that this test knows", line)
	case words[1] == "migrate":
		got := m.admin.duly(t, words[1:]...)
		require.Equal(t, batch.ExitDone, got.code, got.err)
	default:
		got := m.duly(t, words[1:]...)
		require.Equal(t, batch.ExitDone, got.code, line+got.out+got.err)
	}
}

// perEngine is a script in the language of the engine that the test runs on.
func perEngine(script string) string {
	if testdb.Engine() == "mysql" {
		script = strings.ReplaceAll(script, " FOR duly@localhost;", " TO duly@localhost;")
	}
	return script
}

func (m *mall) list(t *testing.T, query string) []string {
	t.Helper()
	return worktest.List[string](t, m.db, query)
}

// views are the definitions of the views.
func (m *mall) views(t *testing.T) []string {
	t.Helper()
	found := m.list(t, `SELECT CONCAT(table_name, ' ', view_definition) FROM information_schema.views WHERE table_schema = 'duly' ORDER BY table_name`)
	require.Len(t, found, len(dulymysql.ShopTables())-1, "all but subscription_changes")
	return found
}

const mallMembers = `SELECT CONCAT_WS(' ', no, state, duly_status, next_pay, COALESCE(anchor_day, '-')) FROM mall.members ORDER BY no`

// The page is true from its first block to its last: a shop that has its own tables is billed and reconciled through views, in its own words.
func TestOwnTables(t *testing.T) {
	m := newMall(t, "## Paused and cancelled subscriptions")
	require.Equal(t, []string{
		"1 ACTIVE active 2026-02-28 31", "2 ACTIVE past_due 2026-02-28 31", "3 PAUSED paused 2026-02-28 31", "4 STOPPED cancelled 2026-02-28 31",
		"5 TRIAL trialing 2099-12-31 -",
	}, m.list(t, mallMembers))
	require.Equal(t, []string{"1 9900 KRW paid", "2 19900 KRW open"},
		m.list(t, `SELECT CONCAT_WS(' ', subscription_id, amount, currency, status) FROM duly.invoices ORDER BY id`))
	worker := m.duly(t, "doctor", "--verbose")
	require.Contains(t, worker.out, "a view with the 18 columns that duly needs; without gateway_customer, dunning_policy, method_expires_on, which count as NULL")

	// The member who cannot pay is STOPPED after the last stage; the shop stops another one, and one goes on.
	m.exec(t, `USE mall; UPDATE members SET state = 'STOPPED' WHERE no = 1;
UPDATE members SET state = 'ACTIVE', next_pay = '2026-02-05', anchor_day = NULL WHERE no = 3;
UPDATE members SET plan_code = 'PRO' WHERE no = 1`)
	m.exec(t, `UPDATE duly.invoices SET stage = 3, next_attempt_date = '2026-02-05' WHERE status = 'open'`)
	got := m.duly(t, "run", "billing", "--date", "2026-02-05")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Equal(t, []string{
		"1 STOPPED cancelled 2026-02-28 31", "2 STOPPED cancelled 2026-02-28 31", "3 ACTIVE active 2026-03-05 5", "4 STOPPED cancelled 2026-02-28 31",
		"5 TRIAL trialing 2099-12-31 -",
	}, m.list(t, mallMembers))
	require.Equal(t, []string{"2 unpaid"}, m.list(t, `SELECT CONCAT(no, ' ', SUBSTRING_INDEX(stop_reason, ' ', 1)) FROM mall.members WHERE stopped_utc IS NOT NULL`))
	require.Equal(t, []string{"19900"}, m.list(t, `SELECT fee FROM mall.members WHERE no = 1`), "the plan's price")

	m.reconcile(t)

	m.join(t, "'fay@example.com', 'BASIC', 'ACTIVE', 'pm_ok:fay', '2026-03-05'")
	got = m.duly(t, "run", "nightly", "--date", "2026-03-05", "--no-progress")
	require.NotContains(t, got.err, "denied")
	require.Contains(t, m.list(t, mallMembers), "6 ACTIVE active 2026-04-05 5")
	require.Contains(t, m.list(t, mallMembers), "4 STOPPED cancelled 2026-03-31 31", "for ever")

	// A later column is used from the moment that the view has it.
	_, later, _ := strings.Cut(ownTablesText(t), "## Later versions")
	later, _, _ = strings.Cut(later, "\n## ")
	m.follow(t, later)
	m.join(t, "'gil@example.com', 'BASIC', 'ACTIVE', 'pm_ok:gil', '2026-04-05'")
	m.exec(t, "UPDATE mall.members SET pg_customer = 'cus_7' WHERE no = 7")
	require.Contains(t, m.duly(t, "doctor", "--verbose").out, "a view with the 19 columns that duly needs")
	require.Equal(t, batch.ExitDone, m.duly(t, "run", "billing", "--date", "2026-04-05").code)
	require.Equal(t, []string{"7 cus_7"}, m.list(t, `SELECT CONCAT_WS(' ', subscription_id, gateway_customer) FROM duly.payment_attempts WHERE gateway_customer IS NOT NULL`))

	// What the shop plans in a table of its own is applied through the views.
	_, plans, _ := strings.Cut(ownTablesText(t), "## Planned changes")
	plans, _, _ = strings.Cut(plans, "\n## ")
	m.follow(t, plans)
	m.join(t, "'hal@example.com', 'BASIC', 'ACTIVE', 'pm_ok:hal', '2026-05-05'")
	m.join(t, "'ida@example.com', 'BASIC', 'PAUSED', 'pm_ok:ida', '2026-04-05'")
	m.join(t, "'joe@example.com', 'BASIC', 'ACTIVE', 'pm_ok:joe', '2026-05-05'")
	m.exec(t, `INSERT INTO mall.plans_of_members (member_no, from_day, what, value) VALUES (8, '2026-05-05', 'amount', '12000'), (8, '2099-05-06', 'cancel', NULL),
(9, '2026-04-30', 'resume', NULL), (10, '2026-05-01', 'cancel', NULL), (5, '2026-05-01', 'interval', '2 month')`)
	require.Equal(t, batch.ExitDone, m.duly(t, "doctor").code)
	got = m.duly(t, "run", "billing", "--date", "2026-05-05")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Subset(t, m.list(t, mallMembers), []string{"8 ACTIVE active 2026-06-05 5", "9 ACTIVE active 2026-06-05 5", "10 STOPPED cancelled 2026-06-05 5"})
	require.Equal(t, []string{"8 12000", "9 9900"}, m.list(t, `SELECT CONCAT_WS(' ', subscription_id, amount) FROM duly.invoices WHERE due_date = '2026-05-05' ORDER BY subscription_id`))
	require.Equal(t, []string{"1 applied", "2 -", "3 applied", "4 applied"}, m.list(t, `SELECT CONCAT_WS(' ', no, IF(done_utc IS NULL, '-', outcome)) FROM mall.plans_of_members WHERE no < 5`))
	require.Contains(t, m.list(t, `SELECT outcome FROM mall.plans_of_members WHERE no = 5`)[0], "interval_unit and interval_count of subscriptions cannot be written")

	// A base table that lost a column under a view is found before anything is charged.
	m.exec(t, "ALTER TABLE mall.members DROP COLUMN stop_reason")
	require.Equal(t, "subscriptions", failing(t, m.duly(t, "doctor", "--json")).Check)
	got = m.duly(t, "run", "billing", "--date", "2026-05-07")
	require.Equal(t, batch.ExitUsage, got.code, got.err)
}

// A migration leaves the views and the shop's tables as they are, on the way back and up, and the program of the new schema works on.
func TestMigrationsLeaveOwnTablesAlone(t *testing.T) {
	m := newMall(t, "```sh\nduly doctor")
	const columns = `SELECT CONCAT_WS(' ', table_name, column_name, column_type) FROM information_schema.columns WHERE table_schema = 'mall' ORDER BY 1`
	m.exec(t, "DELETE FROM mall.members") // no migration is taken back under rows
	views, tables := m.views(t), m.list(t, columns)
	require.Contains(t, m.admin.duly(t, "migrate", "up").out, "nothing to do")
	for down := ""; !strings.Contains(down, "00005_"); {
		got := m.admin.duly(t, "migrate", "down")
		require.Equal(t, batch.ExitDone, got.code, got.err)
		down = got.out
	}
	got := m.admin.duly(t, "migrate", "up")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "00005_gateway_customer.sql")
	require.Equal(t, views, m.views(t))
	require.Equal(t, tables, m.list(t, columns))
	require.Equal(t, batch.ExitDone, m.duly(t, "doctor").code)
	m.join(t, "'fay@example.com', 'BASIC', 'ACTIVE', 'pm_ok:fay', '2026-01-31'")
	require.Equal(t, batch.ExitDone, m.duly(t, "run", "billing", "--date", "2026-01-31").code)
	require.Equal(t, []string{"6 ACTIVE active 2026-02-28 31"}, m.list(t, mallMembers))
}

// join adds a member in the shop's words: email, plan, state, billing key, date.
func (m *mall) join(t *testing.T, values string) {
	t.Helper()
	m.exec(t, "INSERT INTO mall.members (email, plan_code, state, billing_key, next_pay, joined) VALUES ("+values+", '2026-01-01')")
}

// reconcile settles orders of the mall's, and compares them in the words of the shop.
func (m *mall) reconcile(t *testing.T) {
	t.Helper()
	for no, there := range map[int]payment.Status{1: payment.Succeeded, 2: payment.Declined, 3: "", 4: payment.Succeeded} {
		state := "PAYING"
		if no == 4 {
			state = "FAILED" // and paid after all
		}
		key := fmt.Sprintf("ord_%d-1", no)
		m.exec(t, `INSERT INTO mall.orders (no, member_no, state, total, placed, touched) VALUES (?, 1, ?, 12900.00, UTC_TIMESTAMP() + INTERVAL 7 HOUR,
CURRENT_TIMESTAMP(6) - INTERVAL 2 HOUR)`, no, state)
		m.exec(t, `INSERT INTO mall.order_lines VALUES (?, 1, 2)`, no)
		m.exec(t, `INSERT INTO mall.payments (order_no, result, won, order_key, paid, touched) VALUES (?, 'WAIT', 12900.00, ?, UTC_TIMESTAMP() + INTERVAL 7 HOUR,
CURRENT_TIMESTAMP(6) - INTERVAL 2 HOUR)`, no, key)
		if there == "" {
			continue
		}
		e := simulator.Entry{
			Key: key, Reference: fmt.Sprintf("ord_%d", no), CustomerID: "m1", Amount: 12900, Currency: "KRW", Status: there, CreatedAt: time.Now().Add(-2 * time.Hour),
		}
		if there == payment.Declined {
			e.DeclineCode = "insufficient_funds"
		}
		_, err := m.sim.Inject(e)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"1 pending 12900 KRW", "2 pending 12900 KRW", "3 pending 12900 KRW", "4 pending 12900 KRW"},
		m.list(t, `SELECT CONCAT_WS(' ', order_id, status, amount, currency) FROM duly.payments ORDER BY order_id`))
	got := m.duly(t, "run", "reconcile")
	require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, got.code, got.out+got.err)
	require.NotContains(t, got.err, "denied")
	require.Equal(t, []string{"1 PAID OK set", "2 FAILED FAIL -", "4 FAILED REFUNDED -"}, m.list(t, `SELECT CONCAT_WS(' ', o.no, o.state, p.result,
IF(o.completed_utc IS NULL, '-', 'set')) FROM mall.orders o JOIN mall.payments p ON p.order_no = o.no WHERE o.no <> 3 ORDER BY o.no`))
	require.Equal(t, []string{"3"}, m.list(t, "SELECT stock FROM mall.goods"))
	require.Equal(t, []string{"12900.00 12900"}, m.list(t, "SELECT CONCAT_WS(' ', won, refunded) FROM mall.payments WHERE order_no = 4"))
	got = m.duly(t, "run", "report")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	got = m.duly(t, "run", "audit")
	require.Contains(t, []int{batch.ExitDone, batch.ExitReview}, got.code, got.out+got.err)
}

// What a view has no index for is read whole each night: the walks find one behind each view.
func TestTheIndexesOfOwnTables(t *testing.T) {
	m := newMall(t, "```sh\nduly doctor")
	for query, index := range map[string]string{
		"SELECT id FROM subscriptions WHERE status = 'active' AND next_billing_date <= '2026-01-31' ORDER BY next_billing_date, id LIMIT 10": "duly_due",
		"SELECT id FROM orders WHERE status = 'pending' AND created_at <= '2026-01-31' ORDER BY created_at, id LIMIT 10":                     "duly_stale",
		"SELECT id FROM orders WHERE completed_at >= '2026-01-31' AND completed_at < '2026-02-01'":                                           "duly_completed",
		"SELECT id FROM orders WHERE failed_at >= '2026-01-31' AND failed_at < '2026-02-01'":                                                 "duly_failed",
		"SELECT id FROM payments WHERE order_id IN (1, 2)":                                                                                   "duly_order",
		"SELECT id FROM payments WHERE status = 'pending' AND id > 5 ORDER BY id LIMIT 10":                                                   "duly_status",
		"SELECT id FROM payments WHERE status = 'failed' AND failure_code = '' AND id > 5 ORDER BY id LIMIT 10":                              "duly_failure",
		"SELECT id FROM payments WHERE idempotency_key IN ('ord_1-1')":                                                                       "duly_key",
		"SELECT id FROM payments WHERE transaction_key IN ('pay_1')":                                                                         "duly_transaction",
		"SELECT id FROM payments WHERE created_at < '2026-01-31' AND created_at >= '2026-01-01' ORDER BY created_at DESC, id DESC LIMIT 10":  "duly_created",
		"SELECT id FROM payments WHERE refunded_at >= '2026-01-31' AND refunded_at < '2026-02-01'":                                           "duly_refunded",
	} {
		plan := m.list(t, "EXPLAIN FORMAT=JSON "+strings.ReplaceAll(query, " FROM ", " FROM duly."))[0]
		require.Contains(t, plan, `"`+index+`"`, query)
	}
}

// The page's table of columns is that of the program.
func TestOwnTablesListsEveryColumn(t *testing.T) {
	t.Parallel()
	var listed, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)\\.(\\w+)` \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|").FindAllStringSubmatch(ownTablesText(t), -1) {
		listed = append(listed, strings.Join(row[1:6], " | "))
	}
	for _, c := range dulymysql.ShopColumns() {
		use := "read"
		if c.Written() {
			use = "read and written"
		}
		want = append(want, strings.Join([]string{c.Table, c.Name, c.Type, use, c.Use}, " | "))
	}
	require.Equal(t, want, listed)
}

// A page tells in a line what is wrong with each column of a view.
func TestDoctorOfOwnTables(t *testing.T) {
	m := newMall(t, "```sh\nduly doctor")
	require.Equal(t, batch.ExitDone, m.duly(t, "doctor").code)
	text := ownTablesText(t)
	replace := func(view, from, to string) {
		t.Helper()
		definition := regexp.MustCompile(`(?s)CREATE (DEFINER = duly_views@localhost VIEW ` + view + ` AS SELECT.*?);`).FindStringSubmatch(text)[1]
		require.Contains(t, definition, from)
		m.exec(t, "USE duly; CREATE OR REPLACE "+strings.Replace(definition, from, to, 1))
	}
	for name, c := range map[string]struct{ view, from, to, check, detail, fix string }{
		"missing": {"subscriptions", "stop_reason AS cancel_reason, ", "", "subscriptions.cancel_reason", "missing", "right is VARCHAR(255) NULL"},
		"not updatable": {
			"orders", "duly_status AS status", "LOWER(state) AS status", "orders.status", "not updatable (error 1348", "a plain column of one table",
		},
		"wrong type": {"payments", " amount,", " won AS amount,", "payments.amount", "wrong type: decimal(12,2)", "right is BIGINT NOT NULL, read by reconcile and report"},
	} {
		t.Run(name, func(t *testing.T) {
			replace(c.view, c.from, c.to)
			found := failing(t, m.duly(t, "doctor", "--json"))
			require.Equal(t, c.check, found.Check)
			require.Contains(t, found.Detail, c.detail)
			require.Contains(t, found.Mend, c.fix)
			require.Contains(t, m.duly(t, "doctor").out, c.check)
			replace(c.view, c.from, c.from)
		})
	}
	m.exec(t, "USE duly; REVOKE UPDATE (stock) ON products FROM duly_worker")
	found := failing(t, m.duly(t, "doctor", "--json"))
	require.Equal(t, "products.stock", found.Check)
	require.Equal(t, "not allowed: UPDATE (stock) on products", found.Detail)
	require.True(t, strings.HasPrefix(found.Mend, "GRANT UPDATE (stock) ON duly.products"), found.Mend)
}

// What the page says of a NULL in each column is what a run does: the row beside it is billed or settled in any case.
func TestNullsOfOwnTables(t *testing.T) {
	t.Parallel()
	for _, row := range regexp.MustCompile("(?m)^\\| `(subscriptions|orders|payments|order_items)\\.(\\w+)` \\| ([^|]+) \\| (read[^|]*) \\| [^|]+ \\| ([^|]+) \\|").FindAllStringSubmatch(ownTablesText(t), -1) {
		table, column, columnType, says := row[1], row[2], row[3], row[5]
		if column == "id" {
			continue
		}
		t.Run(table+"."+column, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			job, outcome := "reconcile", "SELECT CONCAT_WS(' ', COALESCE(o.status, 'payment_in_progress'), COALESCE(p.status, 'pending')) FROM real_orders o JOIN real_payments p ON p.id = o.id WHERE o.id = ?"
			if table == "subscriptions" {
				job, outcome = "billing", "SELECT COALESCE((SELECT status FROM invoices WHERE subscription_id = ?), 'none')"
			}
			for range 2 {
				if job == "billing" {
					s.enrol(t, "ok", 100)
					continue
				}
				s.order(t, "payment_in_progress", payment.Succeeded)
			}
			for _, table := range []string{"subscriptions", "orders", "payments", "order_items"} {
				s.exec(t, fmt.Sprintf("RENAME TABLE %s TO real_%[1]s; CREATE VIEW %[1]s AS SELECT * FROM real_%[1]s", table))
			}
			key := "id"
			if table == "order_items" {
				s.exec(t, "ALTER TABLE real_order_items DROP PRIMARY KEY")
				key = "order_id"
			}
			s.exec(t, fmt.Sprintf("ALTER TABLE real_%s MODIFY %s %s", table, column, strings.Replace(columnType, "NOT NULL", "NULL", 1)))
			set := column + " = NULL"
			if table != "order_items" && column != "updated_at" {
				set += ", updated_at = updated_at" // nobody wrote to it lately
			}
			s.exec(t, fmt.Sprintf("UPDATE real_%s SET %s WHERE %s = 1", table, set, key))
			code, first := batch.ExitDone, map[string]string{"billing": "paid", "reconcile": "completed succeeded"}
			switch {
			case says == "to review", strings.HasPrefix(says, "in no walk"):
				code, first["billing"] = batch.ExitReview, "none"
			case strings.HasPrefix(says, "never due"):
				first["billing"] = "none"
			case strings.HasPrefix(says, "passed over"):
				code, first["reconcile"] = batch.ExitFailed, "payment_in_progress pending"
			case strings.HasPrefix(says, "**the payment counts for no order**"):
				code, first["reconcile"] = batch.ExitFailed, "failed pending"
			case strings.HasPrefix(says, "none: without a `transaction_key`"):
				code, first["reconcile"] = batch.ExitUnfinished, "payment_in_progress pending"
			}
			got := s.duly(t, "run", job, "--no-progress")
			require.Equal(t, code, got.code, got.out+got.err)
			for id, want := range []string{first[job], map[string]string{"billing": "paid", "reconcile": "completed succeeded"}[job]} {
				var found string
				require.NoError(t, s.db.GetContext(t.Context(), &found, outcome, id+1))
				require.Equal(t, want, found)
			}
		})
	}
}
