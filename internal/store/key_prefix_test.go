package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// What a gateway's keys begin with can be set and changed until the first charge, and not after it.
func TestKeyPrefix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		first, second  string // as the two runs have it; - for no such run
		charged, moved bool   // an attempt between the two; the second run is at another address
		refused        string
	}{
		{"none at all", "", "", true, false, ""},
		{"the same", "eu-", "eu-", true, false, ""},
		{"changed before the first charge", "eu-", "us-", false, false, ""},
		{"given up before the first charge", "eu-", "", false, false, ""},
		{"changed", "eu-", "us-", true, false, `gateways.main.key_prefix: "us-" is not what the keys of this gateway's charges begin with: set it to "eu-" again; for another account configure another gateway`},
		{"changed in one letter's case", "eu-", "EU-", true, false, `gateways.main.key_prefix: "EU-" is not what the keys of this gateway's charges begin with: set it to "eu-" again; for another account configure another gateway`},
		{"given up", "eu-", "", true, false, `gateways.main.key_prefix: "" is not what the keys of this gateway's charges begin with: set it to "eu-" again; for another account configure another gateway`},
		{"set after charges without one", "", "eu-", true, false, `gateways.main.key_prefix: "eu-" would be new, and charges of this gateway were made under keys without a prefix: remove it; for another account configure another gateway`},
		{"set after charges by an older version", "-", "eu-", true, false, `gateways.main.key_prefix: "eu-" would be new, and charges of this gateway were made under keys without a prefix: remove it; for another account configure another gateway`},
		{"the same at another address", "eu-", "eu-", true, true, ""},
		{"changed with the address", "eu-", "us-", true, true, `gateways.main.key_prefix: "us-" is not what the keys of this gateway's charges begin with: set it to "eu-" again; for another account configure another gateway`},
		{"none at a new address", "-", "", true, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := testdb.New(t)
			db := worktest.Open(t, plain.DSN)
			address := "https://one.example.com"
			run := func(prefix string) error {
				if prefix == "-" {
					return nil
				}
				ids, err := store.Accounts(t.Context(), db, []payment.Account{{Gateway: "main", Address: address}})
				require.NoError(t, err)
				return store.KeyPrefix(t.Context(), db, "main", ids["main"], prefix)
			}
			require.NoError(t, run(c.first))
			if c.charged {
				worktest.Enrol(t, plain, 1, "2026-01-31", nil)
				worktest.Invoice(t, plain)
				worktest.Exec(t, plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference,
customer_id, amount, currency, gateway, payment_method, body_version, status, run_id, lease) VALUES (1, 1, 1, 0, 'k', 'r', 'c', 1, 'KRW', 'main', 'm', 1, 'released', 1, REPEAT('l', 16))`)
			}
			if c.moved {
				address = "https://two.example.com"
			}
			err := run(c.second)
			if c.refused != "" {
				var other *store.OtherPrefixError
				require.ErrorAs(t, err, &other)
				require.Equal(t, c.refused, other.Error())
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.second, worktest.Get[string](t, plain, `SELECT key_prefix FROM gateway_accounts WHERE address = ?`, address))
		})
	}
}
