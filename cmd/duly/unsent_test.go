package main

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/preview"
	"duly/internal/registry"
)

// What an adapter rejects without sending it, a forecast does not count as charged: it says of the same rows what the run finds.
func TestForecastKnowsWhatIsNeverSent(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct{ token, customer, missing, usd string }{
		"toss": {
			"test_sk_1", "customer-key", "the gateway_customer is missing: Toss charges a billing key only together with the customerKey that it was issued to",
			"the currency must be KRW: Toss takes no other",
		},
		"stripe":   {"sk_test_1", "cus_1", "gateway_customer is missing: Stripe charges a payment method only with its customer (cus_…): set gateway_customer", ""},
		"kakaopay": {"secret", "user", "gateway_customer is missing: KakaoPay charges a SID only together with the partner_user_id of its first payment", "KakaoPay takes only KRW"},
		"portone":  {"secret", "", "", ""},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			sim, err := simulator.Speak(kind, simulator.Config{Token: c.token})
			require.NoError(t, err)
			server := httptest.NewServer(sim)
			t.Cleanup(func() { sim.Close(); server.Close() })
			s.env = append(s.env, "DULY_GATEWAYS_MAIN_URL="+server.URL, "DULY_GATEWAYS_MAIN_TOKEN="+c.token, "DULY_GATEWAYS_MAIN_TYPE="+kind, "DULY_RUN_LEASE=2m")
			if kind == "kakaopay" {
				s.env = append(s.env, "DULY_GATEWAYS_MAIN_CID=TCSUBSCRIP")
			}
			right, without, dollars := s.enrol(t, "ok", 5000), s.enrol(t, "ok", 700), s.enrol(t, "ok", 1299)
			s.exec(t, "UPDATE subscriptions SET payment_method = 'pm_ok', customer_id = 'cus_1', gateway_customer = NULLIF(?, '')", c.customer)
			s.exec(t, "UPDATE subscriptions SET gateway_customer = NULL WHERE id = ?", without)
			s.exec(t, "UPDATE subscriptions SET currency = 'USD' WHERE id = ?", dollars)

			want := map[uint64]string{}
			for id, why := range map[uint64]string{without: c.missing, dollars: c.usd} {
				if why != "" {
					want[id] = why
				}
			}
			doc := document[registry.BillingForecast](t, s.duly(t, "run", "billing", "--dry-run", "--json"))
			found := map[uint64]string{}
			for _, p := range doc.Problems {
				require.Equal(t, preview.ProblemReview, p.Result)
				for _, id := range p.IDs {
					found[id] = p.Why
				}
			}
			require.Equal(t, want, found)
			require.Equal(t, int64(len(want)), doc.Review)
			charged := int64(0)
			for _, sum := range doc.Charges {
				charged += sum.Count
			}
			require.Equal(t, int64(3-len(want)), charged)
			if len(want) == 2 {
				forecast := s.duly(t, "run", "billing", "--dry-run").out
				require.Contains(t, forecast, "\nWill charge   1 · 5,000 KRW\nWon't charge  2 will go to review\n1 subscription will go to review: ")
			}
			require.Empty(t, sim.Ledger())

			got := s.duly(t, "run", "billing")
			require.Contains(t, []int{batch.ExitDone, batch.ExitReview}, got.code, got.out+got.err)
			require.Equal(t, charged, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
			require.Equal(t, doc.Review, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'review'"))
			require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid' AND subscription_id = ?", right))
		})
	}
}
