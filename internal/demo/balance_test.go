package demo

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/test/testdb"
)

// counted is a demo after its nights: four subscriptions, of which one stayed unpaid, and an order.
type counted struct {
	*showcase

	plain *testdb.DB
	out   bytes.Buffer
}

func countedDemo(t *testing.T) *counted {
	t.Helper()
	c := &counted{plain: testdb.New(t)}
	db, err := mysql.Open(c.plain.DSN, mysql.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	sim := simulator.New(simulator.Config{})
	t.Cleanup(sim.Close)
	ses := session.New(cli.NewScreen(nil, &c.out, &c.out), "test", time.Now, nil)
	c.showcase = &showcase{
		Session: ses, environment: &environment{db: db, sim: sim}, screen: newScreen(ses.Screen), began: ses.Now(), page: "page.html", kills: 1,
		Options: Options{Subscriptions: 4, Orders: 1},
	}
	require.NoError(t, Enrol(t.Context(), db, gatewayName, simulator.Default, 4, payment.NewDate(2026, time.November, 28)))
	require.NoError(t, Orders(t.Context(), db, sim, gatewayName, simulator.Default, 1, ses.Now())) // the shop completed it
	for id := 1; id <= 4; id++ {
		status, outcome := "paid", "succeeded"
		if id == 4 {
			status, outcome = "uncollectible", "declined"
		}
		c.exec(t, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, stage, first_declined_date, issued_date)
SELECT id, id, next_billing_date, amount, currency, ?, id - 1, IF(id = 1, NULL, next_billing_date), next_billing_date FROM subscriptions WHERE id = ?`, status, id)
		c.exec(t, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, run_id) SELECT id, id, 1, 0, CONCAT('sub_', id, '-1'), CONCAT('sub_', id), customer_id, amount, currency, gateway, payment_method, 1, ?, 1
FROM subscriptions WHERE id = ?`, outcome, id)
		if id < 4 {
			c.take(t, fmt.Sprintf("sub_%d-1", id), id)
		}
	}
	return c
}

func (c *counted) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	_, err := c.plain.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

// take books a charge of a subscription at the gateway.
func (c *counted) take(t *testing.T, key string, subscription int) {
	t.Helper()
	all := plans(simulator.Default)
	m := all[(subscription-1)%len(all)]
	_, err := c.sim.Inject(simulator.Entry{Key: key, Reference: fmt.Sprintf("sub_%d", subscription), CustomerID: "c", Method: "m", Amount: m.Amount, Currency: m.Currency})
	require.NoError(t, err)
}

func TestADemoThatBalances(t *testing.T) {
	t.Parallel()
	c := countedDemo(t)
	require.NoError(t, c.account(t.Context()), c.out.String())
	text := c.out.String()
	require.Contains(t, text, strings.Join([]string{
		"SUBSCRIPTIONS         4  51,800 KRW  12.99 USD",
		"paid on the due date  1   9,900",
		"paid at retry 1 to 3  2  41,900",
		"unpaid, cancelled     1              12.99",
		"ORDERS                1  37,800 KRW",
		"completed             1  37,800",
		"",
	}, "\n"), text)
	require.Contains(t, text, "✓ Balanced: 3 + 1 paid = 4 payments at the gateway. 0 lost, 0 charged twice, 1")
}

// Whatever differs is named by its id, and the demo fails.
func TestADemoThatDoesNotBalanceFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil []string
		again bool // a subscription is charged once more
		says  []string
	}{
		"a payment that the tables lost": {
			spoil: []string{"DELETE FROM payment_attempts WHERE id = 2"},
			says:  []string{"sub_2-1: the gateway took 12,900 KRW (pay_", ", the tables say nothing was paid"},
		},
		"a payment that the gateway does not have": {
			spoil: []string{"UPDATE payment_attempts SET status = 'succeeded' WHERE id = 4", "UPDATE invoices SET status = 'paid' WHERE id = 4"},
			says:  []string{"sub_4-1: the tables say 12.99 USD was paid, the gateway took nothing"},
		},
		"another amount": {
			spoil: []string{"UPDATE payment_attempts SET amount = 1 WHERE id = 1"},
			says:  []string{"sub_1-1: the gateway took 9,900 KRW (pay_", ", the tables say 1 KRW"},
		},
		"a customer who was charged twice": {
			again: true,
			says:  []string{"sub_3: the gateway took money twice", "sub_3-2: the gateway took 29,000 KRW"},
		},
		"a subscription that is gone": {
			spoil: []string{"DELETE FROM subscriptions WHERE id = 4"},
			says:  []string{"subscriptions: 4 were made, 3 · 51,800 KRW are there"},
		},
		"a subscription that nobody invoiced": {
			spoil: []string{"DELETE FROM invoices WHERE id = 4"},
			says:  []string{"1 subscription: never invoiced"},
		},
		"an order that is not settled": {
			spoil: []string{"UPDATE orders SET status = 'pending'"},
			says:  []string{"1 orders are not settled"},
		},
		"what an audit found": {
			spoil: []string{`INSERT INTO audit_findings (kind, reference, detail) VALUES ('amount_differs', 'sub_1', '{"text": "9 is not 10"}')`},
			says:  []string{"audit finding 1: 9 is not 10"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := countedDemo(t)
			for _, statement := range test.spoil {
				c.exec(t, statement)
			}
			if test.again {
				c.take(t, "sub_3-2", 3)
			}
			err := c.account(t.Context())
			require.Error(t, err)
			var failed exit.Error
			require.ErrorAs(t, err, &failed)
			require.Equal(t, batch.ExitFailed, failed.Code)
			text := strings.Join(strings.Fields(c.out.String()), " ")
			require.Contains(t, text, "✗ Not balanced:")
			require.NotContains(t, text, "Balanced: ")
			for _, says := range test.says {
				require.Contains(t, text, says)
			}
		})
	}
}

// Many differences are counted, and the first ones named.
func TestManyDifferencesAreCounted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ses := session.New(cli.NewScreen(nil, &out, &out), "test", time.Now, nil)
	d := &showcase{Session: ses, screen: newScreen(ses.Screen)}
	require.EqualError(t, d.unbalanced(make([]string, 1234)), "the gateway and the tables differ: 1,234 differences")
	require.Contains(t, out.String(), "  and 1,224 more\n")
}

// A worker is told nothing of the configuration around the demo, and tests may say that it is a test.
func TestSurroundingsSayNothingOfAConfiguration(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"PATH=/bin", "DULY_TEST_X=1"},
		Surroundings([]string{"PATH=/bin", "DULY_DATABASE_DSN=x", "DULY_TEST_X=1", "OTEL_EXPORTER_OTLP_ENDPOINT=http://x"}))
}
