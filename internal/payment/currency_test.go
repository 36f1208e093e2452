package payment_test

import (
	"strings"
	"testing"

	"github.com/bojanz/currency"
	"github.com/stretchr/testify/require"

	"duly/internal/payment"
)

// Every code of three letters is judged as the maintained table judges it, and has as many decimals.
func TestCurrenciesAreThoseOfISO4217(t *testing.T) {
	// Units of account of funds, banks and bonds: nobody is charged in them, though ISO 4217 lists them.
	funds := map[string]bool{"BOV": true, "CHE": true, "CHW": true, "COU": true, "MXV": true, "USN": true, "XAD": true}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	known := 0
	for _, a := range letters {
		for _, b := range letters {
			for _, c := range letters {
				code := string([]rune{a, b, c})
				want := currency.IsValid(code) && !funds[code]
				require.Equal(t, want, payment.CurrencyProblem(code) == "", code)
				require.True(t, !want || payment.KnownCurrency(code), code)
				if !want {
					continue
				}
				known++
				digits, ok := currency.GetDigits(code)
				require.True(t, ok, code)
				require.Equal(t, int(digits), decimals(code), code)
			}
		}
	}
	require.Greater(t, known, 140)
	for _, strange := range []string{"", "usd", "USD ", " USD", "US", "USDX", "USD EUR", " AED AFN"} {
		require.NotEmpty(t, payment.CurrencyProblem(strange), strange)
		require.False(t, payment.KnownCurrency(strange), strange)
	}
}

func TestWithdrawnCurrencies(t *testing.T) {
	for code, successor := range map[string]string{
		"ANG": "XCG", "BGN": "EUR", "BYR": "BYN", "CUC": "CUP", "EEK": "EUR", "HRK": "EUR", "LTL": "EUR", "LVL": "EUR",
		"MRO": "MRU", "SLL": "SLE", "STD": "STN", "VEF": "VES", "ZMK": "ZMW", "ZWL": "ZWG",
	} {
		require.Equal(t, `currency "`+code+`" was withdrawn; `+successor+` replaced it`, payment.CurrencyProblem(code))
		require.Empty(t, payment.CurrencyProblem(successor))
		amount := payment.Money{Amount: 123456, Currency: code}
		if code == "BYR" {
			require.Equal(t, "123,456 BYR", amount.String())
		} else {
			require.Equal(t, "1,234.56 "+code, amount.String())
		}
		amount.Amount = -amount.Amount
		require.Equal(t, "an amount of "+amount.String()+", which cannot be", payment.Payment{Money: amount}.Impossible(), "a gateway may name it")
	}
}

func decimals(code string) int {
	_, fraction, _ := strings.Cut(strings.TrimSuffix(payment.Money{Amount: 1, Currency: code}.String(), " "+code), ".")
	return len(fraction)
}
