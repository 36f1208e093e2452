package guard_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing/guard"
	"duly/internal/payment"
)

func won(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "KRW"} }

func TestGuards(t *testing.T) {
	t.Parallel()
	both := guard.Rules{Max: map[string]int64{"KRW": 1_000_000, "USD": 50_000}, Factor: 1_000}
	for _, c := range []struct {
		name   string
		rules  guard.Rules
		amount payment.Money
		check  guard.Check
		paid   payment.Money
		beyond guard.Check
		words  string
	}{
		{"none", guard.Rules{}, won(1_290_000_000), "", won(12_900), "", ""},
		{"within both", both, won(129_000), "", won(12_900), "", ""},
		{"a won beyond the factor", both, won(129_001), "", won(12_900), guard.BeyondFactor, "amount 129,001 KRW is more than 10 times the last paid 12,900 KRW (billing.max_factor)"},
		{"at the most", both, won(1_000_000), "", won(900_000), "", ""},
		{"a won more", both, won(1_000_001), "", won(900_000), guard.BeyondMax, "amount 1,000,001 KRW is more than 1,000,000 KRW (billing.max_amount)"},
		{"beyond both", both, won(1_290_000_000), "", won(12_900), guard.BeyondMax, "amount 1,290,000,000 KRW is more than 1,000,000 KRW (billing.max_amount)"},
		{"a currency without a most", both, payment.Money{Amount: 1_290_000, Currency: "EUR"}, "", payment.Money{}, "", ""},
		{"cents", both, payment.Money{Amount: 50_001, Currency: "USD"}, "", payment.Money{}, guard.BeyondMax, "amount 500.01 USD is more than 500.00 USD (billing.max_amount)"},
		{"nothing was paid", both, won(999_999), "", payment.Money{}, "", ""},
		{"paid in another currency", both, won(999_999), "", payment.Money{Amount: 999, Currency: "USD"}, "", ""},
		{"approved", both, won(1_290_000_000), guard.Approved, won(12_900), "", ""},
		{"planned for this period", both, won(1_290_000_000), guard.OneOff, won(12_900), "", ""},
		{"held before, and judged anew", both, won(129_000), guard.BeyondMax, won(12_900), "", ""},
		{"a factor with a fraction", guard.Rules{Factor: 250}, won(25), "", won(10), "", ""},
		{"just beyond it", guard.Rules{Factor: 250}, won(26), "", won(10), guard.BeyondFactor, "amount 26 KRW is more than 2.5 times the last paid 10 KRW (billing.max_factor)"},
		{"so much that a hundred times it overflows", guard.Rules{Factor: 1_000}, won(200_000_000_000_000_000), "", won(2_000_000_000_000_000), guard.BeyondFactor, "amount 200,000,000,000,000,000 KRW is more than 10 times the last paid 2,000,000,000,000,000 KRW (billing.max_factor)"},
		{"any increase", guard.Rules{Factor: 100}, won(11), "", won(10), guard.BeyondFactor, "amount 11 KRW is more than 1 times the last paid 10 KRW (billing.max_factor)"},
	} {
		require.Equal(t, guard.Verdict{Beyond: c.beyond, Words: c.words}, c.rules.Judge(c.amount, c.check, c.paid), c.name)
	}
}

// An amount is held exactly where it is beyond a guard, whatever the numbers, and history is asked for wherever it could decide.
func TestGuardsAreExact(t *testing.T) {
	t.Parallel()
	amounts := rapid.OneOf(rapid.Int64Range(1, 200), rapid.Int64Min(1))
	rapid.Check(t, func(t *rapid.T) {
		m := won(amounts.Draw(t, "amount"))
		check := rapid.SampledFrom([]guard.Check{"", guard.BeyondMax, guard.BeyondFactor, guard.Approved, guard.OneOff}).Draw(t, "check")
		r := guard.Rules{Factor: rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(100, 100_000_000)).Draw(t, "factor")}
		if rapid.Bool().Draw(t, "capped") {
			r.Max = map[string]int64{rapid.SampledFrom([]string{"KRW", "USD"}).Draw(t, "currency"): amounts.Draw(t, "most")}
		}
		paid := rapid.SampledFrom([]payment.Money{{}, won(amounts.Draw(t, "paid")), {Amount: 5, Currency: "USD"}}).Draw(t, "history")

		most, capped := r.Max["KRW"]
		beyond := capped && m.Amount > most
		if r.Factor > 0 && paid.Currency == "KRW" {
			many := new(big.Int).Mul(big.NewInt(paid.Amount), big.NewInt(r.Factor))
			beyond = beyond || new(big.Int).Mul(big.NewInt(m.Amount), big.NewInt(100)).Cmp(many) > 0
		}
		beyond = beyond && !check.Approves()
		got := r.Judge(m, check, paid)
		if got.Held() != beyond {
			t.Fatalf("%+v beside %v under %+v: %q", m, paid, r, got)
		}
		if without := r.Judge(m, check, payment.Money{}); !r.NeedsHistory(m, check) && got != without {
			t.Fatalf("%v is held by a history that nobody read", m)
		}
	})
}
