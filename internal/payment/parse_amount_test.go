package payment_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/payment"
)

func TestParseAmount(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, currency string
		amount         int64
		wrong          string
	}{
		{"1000000", "KRW", 1_000_000, ""},
		{"500.00", "USD", 50_000, ""},
		{"0.05", "USD", 5, ""},
		{"1.234", "KWD", 1_234, ""},
		{"92233720368547758.07", "USD", 9_223_372_036_854_775_807, ""},
		{"92233720368547758.08", "USD", 0, "92233720368547758.08 USD is too large: 92,233,720,368,547,758.07 USD is the most"},
		{"500", "USD", 0, "500 USD has no decimals: write all decimals of the currency, such as 500.00"},
		{"500.5", "USD", 0, "500.5 USD has 1 decimal: write all decimals of the currency, such as 500.00"},
		{"500.00", "KRW", 0, "500.00 KRW has 2 decimals: write all decimals of the currency, such as 500"},
		{"-500.00", "USD", 0, "-500.00 USD is negative"},
		{"1,000.00", "USD", 0, `"1,000.00" is no amount of USD: write it as 500.00`},
		{"5e3", "KRW", 0, `"5e3" is no amount of KRW: write it as 500`},
		{"", "KRW", 0, `"" is no amount of KRW: write it as 500`},
		{"500.", "USD", 0, `"500." is no amount of USD: write it as 500.00`},
		{".50", "USD", 0, `".50" is no amount of USD: write it as 500.00`},
		{"--5", "KRW", 0, `"--5" is no amount of KRW: write it as 500`},
		{"500", "WON", 0, `currency "WON" is not a known ISO 4217 code in upper case`},
		{"500", "LTL", 0, `currency "LTL" was withdrawn; EUR replaced it`},
	} {
		got, err := payment.ParseAmount(test.text, test.currency)
		if test.wrong != "" {
			require.EqualError(t, err, test.wrong)
			continue
		}
		require.NoError(t, err, test.text)
		require.Equal(t, payment.Money{Amount: test.amount, Currency: test.currency}, got)
	}
}

func TestPlainAmountIsReadAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := payment.Money{
			Amount:   rapid.Int64Min(0).Draw(t, "amount"),
			Currency: rapid.SampledFrom([]string{"KRW", "USD", "KWD", "CLF", "EUR"}).Draw(t, "currency"),
		}
		again, err := payment.ParseAmount(m.Plain(), m.Currency)
		if err != nil || again != m {
			t.Fatalf("%v, written as %s, is read as %v: %v", m, m.Plain(), again, err)
		}
	})
}
