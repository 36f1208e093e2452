package stripe

import "fmt"

// decimals are the digits of the minor unit that Stripe counts a currency in, where they are not two. A currency whose unit differs from
// ISO 4217, or is not known, is in refused.
//
//nolint:gochecknoglobals // constant tables
var (
	decimals = map[string]int{
		"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
		"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3,
	}
	refused = map[string]string{
		"ISK": "Stripe counts it with two decimals, and ISO 4217 with none",
		"UGX": "Stripe counts it with two decimals, and ISO 4217 with none",
		"MGA": "Stripe counts it with none, and ISO 4217 with two",
		"CLF": "Stripe does not charge in it", "IQD": "Stripe does not charge in it", "LYD": "Stripe does not charge in it",
		"UYI": "Stripe does not charge in it", "UYW": "Stripe does not charge in it",
	}
)

// amountProblem says why an amount in minor units of ISO 4217 cannot be sent as it is; empty if it can.
func amountProblem(amount int64, currency string) string {
	switch why := refused[currency]; {
	case why != "":
		return fmt.Sprintf("currency %s is not sent to Stripe: %s", currency, why)
	case amount < 1:
		return "the amount must be at least 1"
	case decimals[currency] == 3 && amount%10 != 0:
		return fmt.Sprintf("the amount %d of %s must end in 0: Stripe takes its third decimal as 0 alone", amount, currency)
	}
	return ""
}
