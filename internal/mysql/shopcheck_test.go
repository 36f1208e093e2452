package mysql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// shopView lays a view over a table of the shop's, with another expression in the place of one column; an empty one leaves it out.
func shopView(t *testing.T, plain *testdb.DB, table, column, expression string) {
	t.Helper()
	worktest.Exec(t, plain, shopViewText(table, column, expression))
}

func shopViewText(table, column, expression string) string {
	var list []string
	for _, c := range mysql.ShopColumns() {
		switch {
		case c.Table != table:
		case c.Name != column:
			list = append(list, c.Name)
		case expression != "":
			list = append(list, expression+" AS "+c.Name)
		}
	}
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT %s FROM shop_%[1]s", table, strings.Join(list, ", "))
}

// shopProblems are what is wrong with the shop's tables, a line each.
func shopProblems(t *testing.T, db *mysql.DB, role mysql.Role) []string {
	t.Helper()
	tables, err := mysql.CheckShopTables(t.Context(), db, role)
	require.NoError(t, err)
	var lines []string
	for _, table := range tables {
		for _, p := range table.Problems {
			require.Equal(t, table.Name, p.Table)
			require.NotEmpty(t, p.Fix)
			require.NotContains(t, p.Fix, "\n")
			lines = append(lines, p.Table+"."+p.Column+": "+p.What)
		}
	}
	return lines
}

// The columns are those of the tables that `duly migrate up` makes, and those that are written those that a worker has the right to.
func TestShopColumnsAreThoseOfTheSchema(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	var listed []string
	for _, c := range mysql.ShopColumns() {
		listed = append(listed, c.Table+"."+c.Name)
	}
	require.ElementsMatch(t, worktest.List[string](t, plain, `SELECT CONCAT(table_name, '.', column_name) FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name IN ('subscriptions', 'subscription_changes', 'orders', 'order_items', 'products', 'payments')`), listed)
	for _, c := range mysql.ShopColumns() {
		kind, rest, _ := strings.Cut(c.Type, " ")
		whole := strings.ToLower(kind)
		if strings.HasPrefix(rest, "UNSIGNED") {
			whole += " unsigned"
		}
		got := worktest.Get[string](t, plain, `SELECT REGEXP_REPLACE(column_type, '^([a-z]*int)\\([0-9]+\\)', '\\1') FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?`, c.Table, c.Name)
		got = strings.ReplaceAll(got, "\\1", strings.Split(whole, " ")[0]) // MySQL writes groups as $1
		require.Equal(t, whole, strings.Replace(got, "$1", strings.Split(whole, " ")[0], 1), "%s.%s", c.Table, c.Name)
		require.Equal(t, strings.HasSuffix(c.Type, " NULL") && !strings.HasSuffix(c.Type, "NOT NULL"), c.Nullable, "%s.%s", c.Table, c.Name)
	}
}

// Each column of a view is looked at by itself: one that is missing, of a type that duly does not read, or that cannot be written.
func TestEachColumnOfAShopsView(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	require.Empty(t, shopProblems(t, db, mysql.RoleWorker))
	for _, table := range mysql.ShopTables() {
		worktest.Exec(t, plain, fmt.Sprintf("RENAME TABLE %s TO shop_%[1]s", table))
		shopView(t, plain, table, "", "")
	}
	require.Empty(t, shopProblems(t, db, mysql.RoleWorker))
	for _, c := range mysql.ShopColumns() {
		name := c.Table + "." + c.Name
		shopView(t, plain, c.Table, c.Name, "")
		if c.Optional {
			require.Empty(t, shopProblems(t, db, mysql.RoleWorker), name)
		} else {
			require.Equal(t, []string{name + ": missing"}, shopProblems(t, db, mysql.RoleWorker), name)
		}

		other := "CAST('1.50' AS DECIMAL(12,2))"
		shopView(t, plain, c.Table, c.Name, other)
		got := shopProblems(t, db, mysql.RoleWorker)
		require.Len(t, got, 1, name)
		require.Equal(t, name+": wrong type: decimal(12,2)", got[0])
		require.Len(t, shopProblems(t, db, mysql.RoleOperator), 1, name)

		shopView(t, plain, c.Table, c.Name, "NULL")
		got = shopProblems(t, db, mysql.RoleWorker)
		if c.Nullable && !c.Written() {
			require.Empty(t, got, name)
		} else {
			require.Len(t, got, 1, name)
		}

		shopView(t, plain, c.Table, c.Name, "COALESCE("+c.Name+")")
		got = shopProblems(t, db, mysql.RoleWorker)
		if c.Written() {
			require.Len(t, got, 1, name)
			require.Regexp(t, "^"+name+`: not updatable \(error 1348 `, got[0])
		} else {
			require.Empty(t, got, name)
		}
		require.Empty(t, shopProblems(t, db, mysql.RoleOperator), "who only looks writes none: %s", name)
		shopView(t, plain, c.Table, "", "")
	}
	for _, table := range mysql.ShopTables() {
		worktest.Exec(t, plain, "DROP VIEW "+table)
		require.Contains(t, shopProblems(t, db, mysql.RoleWorker), table+".: missing")
	}
}

// Text that duly writes is neither cut nor refused: the column is as wide as what it may write, takes NULL where that is written, and an ENUM
// has its words.
func TestAColumnThatWouldRefuseWhatDulyWrites(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, says, fix string }{
		"too narrow": {
			"ALTER TABLE payments MODIFY transaction_key VARCHAR(40) NULL", "payments.transaction_key: too narrow: varchar(40)",
			"right is VARCHAR(255) NULL, read and written by reconcile and audit: a plain column of one table",
		},
		"no NULL": {
			"ALTER TABLE orders MODIFY failed_at DATETIME(6) NOT NULL", "orders.failed_at: takes no NULL: datetime(6) NOT NULL",
			"right is DATETIME(6) NULL, read and written by reconcile and report: a plain column of one table",
		},
		"an ENUM without a word": {
			"ALTER TABLE subscriptions MODIFY status ENUM('active', 'paused', 'cancelled') NOT NULL",
			"subscriptions.status: lacks the word past_due: enum('active','paused','cancelled')",
			"right is VARCHAR(20) NOT NULL, read and written by billing: a plain column of one table",
		},
		"an ENUM for text": {
			"ALTER TABLE subscriptions MODIFY cancel_reason ENUM('customer') NULL", "subscriptions.cancel_reason: wrong type: enum('customer')",
			"right is VARCHAR(255) NULL, read and written by billing: a plain column of one table",
		},
		"a date with a time": {
			"ALTER TABLE subscriptions MODIFY next_billing_date DATETIME NOT NULL", "subscriptions.next_billing_date: wrong type: datetime",
			"right is DATE NOT NULL, read and written by billing: a plain column of one table",
		},
		"a status that is a number": {
			"ALTER TABLE orders MODIFY status TINYINT NOT NULL", "orders.status: wrong type: tinyint",
			"right is VARCHAR(20) NOT NULL, read and written by reconcile and report: a plain column of one table",
		},
		"an ENUM with every word": {"ALTER TABLE subscriptions MODIFY status ENUM('active', 'past_due', 'paused', 'cancelled') NOT NULL", "", ""},
		"wider, and a smaller number": {
			"ALTER TABLE payments MODIFY failure_reason TEXT NULL, MODIFY amount INT UNSIGNED NOT NULL, MODIFY updated_at DATETIME NOT NULL", "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := testdb.New(t)
			worktest.Exec(t, plain, c.statement)
			db := worktest.Open(t, plain.DSN)
			if c.says == "" {
				require.Empty(t, shopProblems(t, db, mysql.RoleWorker))
				return
			}
			got := shopProblems(t, db, mysql.RoleWorker)
			require.Len(t, got, 1)
			require.Equal(t, c.says, strings.Replace(got[0], "tinyint(4)", "tinyint", 1)) // as MariaDB writes it
			tables, err := mysql.CheckShopTables(t.Context(), db, mysql.RoleWorker)
			require.NoError(t, err)
			for _, table := range tables {
				for _, p := range table.Problems {
					require.Equal(t, c.fix, p.Fix)
				}
			}
		})
	}
}

// A constant of a view has the collation of the session that made the view, and is refused beside a text of ours where that is another one.
func TestAConstantOfAnotherCollation(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, "RENAME TABLE payments TO shop_payments")
	worktest.Exec(t, plain, "SET NAMES utf8mb4 COLLATE utf8mb4_icelandic_ci; "+shopViewText("payments", "gateway", "'main'"))
	got := shopProblems(t, db, mysql.RoleWorker)
	require.Len(t, got, 1)
	require.Regexp(t, `^payments\.gateway: cannot be compared: error 1267 `, got[0])
	worktest.Exec(t, plain, "SET NAMES utf8mb4 COLLATE utf8mb4_icelandic_ci; "+shopViewText("payments", "gateway", "'main' COLLATE utf8mb4_bin"))
	require.Empty(t, shopProblems(t, db, mysql.RoleWorker))
	worktest.Exec(t, plain, "DROP VIEW payments")
}

// A right that is missing is named for the column, and a view whose table has gone as one that cannot be read.
func TestAShopsViewWithoutRights(t *testing.T) {
	server := testdb.NewServer(t)
	plain := server.New(t)
	schema := plain.DSN[strings.LastIndexByte(plain.DSN, '/')+1:]
	for _, table := range mysql.ShopTables() {
		worktest.Exec(t, plain, fmt.Sprintf("RENAME TABLE %s TO shop_%[1]s", table))
		shopView(t, plain, table, "", "")
	}
	worktest.Exec(t, plain, "CREATE USER clerk@localhost IDENTIFIED BY ''")
	for _, table := range []string{"subscriptions", "subscription_changes", "order_items", "products", "payments"} {
		worktest.Exec(t, plain, fmt.Sprintf("GRANT SELECT, UPDATE ON %s.%s TO clerk@localhost", schema, table))
	}
	worktest.Exec(t, plain, "REVOKE SELECT, UPDATE ON "+schema+".products FROM clerk@localhost")
	worktest.Exec(t, plain, "GRANT SELECT (id, name, stock) ON "+schema+".products TO clerk@localhost")
	db := worktest.Open(t, strings.Replace(plain.DSN, "root@", "clerk@", 1))
	require.Equal(t, []string{
		"orders.: not allowed: SELECT on orders", "products.stock: not allowed: UPDATE (stock) on products",
		"products.low_stock_threshold: not allowed: SELECT on products",
	}, shopProblems(t, db, mysql.RoleWorker))
	tables, err := mysql.CheckShopTables(t.Context(), db, mysql.RoleWorker)
	require.NoError(t, err)
	require.True(t, tables[0].View)
	require.Equal(t, "GRANT UPDATE (stock) ON "+schema+".products, which the role duly_worker of deploy/sql/grants.sql has", tables[4].Problems[0].Fix)

	worktest.Exec(t, plain, "GRANT SELECT, UPDATE ON "+schema+".orders TO clerk@localhost")
	worktest.Exec(t, plain, "GRANT SELECT, UPDATE ON "+schema+".products TO clerk@localhost")
	worktest.Exec(t, plain, "RENAME TABLE shop_orders TO elsewhere")
	got := shopProblems(t, db, mysql.RoleWorker)
	require.Len(t, got, 1)
	require.Regexp(t, `^orders\.: cannot be read: error 1356 `, got[0])
	worktest.Exec(t, plain, "RENAME TABLE elsewhere TO shop_orders")
}
