package migrations_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
)

// gatewayCustomer is the migration that adds the second identifier of a method.
const gatewayCustomer = "00005_gateway_customer.sql"

// identities are the server's numbers of the tables: one that was rebuilt or copied has another.
func identities(t *testing.T, db *testdb.DB) []string {
	t.Helper()
	tables := "INNODB_SYS_TABLES"
	if testdb.Engine() == "mysql" {
		tables = "INNODB_TABLES"
	}
	return list(t, db, "SELECT CONCAT(name, ' ', table_id) FROM information_schema."+tables+` WHERE name IN (CONCAT(DATABASE(), '/subscriptions'),
CONCAT(DATABASE(), '/payment_attempts')) ORDER BY name`)
}

func shapeOf(t *testing.T, db *testdb.DB, table string) string {
	t.Helper()
	return strings.Join(list(t, db, `SELECT CONCAT_WS(' ', column_name, column_type, is_nullable, collation_name) FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = ? AND column_name IN ('payment_method', 'gateway_customer') ORDER BY column_name`, table), "; ")
}

// No table is copied or rebuilt, whatever it holds, and the shop writes meanwhile (LOCK=NONE is in the statements). A column that the shop has
// given another collation keeps it, and one that the shop has made wider stays so.
func TestTheSecondIdentifierIsAddedInPlace(t *testing.T) {
	db := testdb.New(t)
	back(t, db, gatewayCustomer)
	exec(t, db, "ALTER TABLE subscriptions MODIFY payment_method VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL")
	exec(t, db, "ALTER TABLE payment_attempts MODIFY payment_method VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL")
	exec(t, db, `INSERT INTO subscriptions (customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date)
VALUES ('c', 'main', REPEAT('한', 191), 1, 'KRW', 'month', '2026-01-31')`)
	attempt(t, db, 1, "main", "succeeded", "pay_1", nil)
	before := identities(t, db)
	require.Len(t, before, 2)

	require.Contains(t, up(t, db), gatewayCustomer)

	require.Equal(t, before, identities(t, db))
	for _, table := range []string{"subscriptions", "payment_attempts"} {
		require.Contains(t, shapeOf(t, db, table), "gateway_customer varchar(300) YES utf8mb4_", table)
		require.Contains(t, shapeOf(t, db, table), "; payment_method varchar(255) NO utf8mb4_bin", table)
	}
	require.Equal(t, 1, number(t, db, "SELECT COUNT(*) FROM subscriptions WHERE payment_method = REPEAT('한', 191) AND gateway_customer IS NULL"))
	exec(t, db, "UPDATE subscriptions SET payment_method = REPEAT('한', 255), gateway_customer = REPEAT('한', 300)")
	exec(t, db, "UPDATE payment_attempts SET payment_method = REPEAT('한', 255), gateway_customer = REPEAT('한', 300)")

	exec(t, db, "ALTER TABLE subscriptions MODIFY payment_method VARCHAR(400) NOT NULL")
	exec(t, db, "DELETE FROM duly_migrations WHERE version_id >= 5") // it was killed before it was noted
	up(t, db)
	require.Contains(t, shapeOf(t, db, "subscriptions"), "payment_method varchar(400)")
}

// A subscriptions that is a view is the shop's: it is left as it is, on the way up and back.
func TestTheSecondIdentifierBehindAView(t *testing.T) {
	db := testdb.New(t)
	back(t, db, gatewayCustomer)
	exec(t, db, "ALTER TABLE subscriptions MODIFY payment_method VARCHAR(191) NOT NULL")
	exec(t, db, "RENAME TABLE subscriptions TO shop_subscriptions")
	exec(t, db, "CREATE VIEW subscriptions AS SELECT * FROM shop_subscriptions")
	require.Contains(t, up(t, db), gatewayCustomer)
	require.Contains(t, shapeOf(t, db, "payment_attempts"), "gateway_customer")
	require.Regexp(t, "^payment_method varchar\\(191\\) NO utf8mb4_[a-z0-9_]+$", shapeOf(t, db, "shop_subscriptions"))
	back(t, db, gatewayCustomer)
	require.NotContains(t, shapeOf(t, db, "payment_attempts"), "gateway_customer")
	exec(t, db, "DROP VIEW subscriptions")
	exec(t, db, "RENAME TABLE shop_subscriptions TO subscriptions")
	require.Contains(t, up(t, db), gatewayCustomer)
}
