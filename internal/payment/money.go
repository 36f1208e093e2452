package payment

import (
	"strconv"
	"strings"
)

// Money is an amount in minor units of its currency: cents for USD, won for KRW, which has no minor unit.
type Money struct {
	Amount   int64
	Currency string // ISO 4217, upper case
}

// digits of the minor unit by ISO 4217 code, where they are not two.
var digits = map[string]int{ //nolint:gochecknoglobals // a constant table
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
	"UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

// the other codes of ISO 4217 that people are charged in.
const twoDigits = " AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF " +
	"CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR " +
	"ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR " +
	"MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP " +
	"STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW "

// KnownCurrency reports whether code is an ISO 4217 code that people can be charged in.
func KnownCurrency(code string) bool {
	if _, ok := digits[code]; ok {
		return true
	}
	return len(code) == 3 && strings.Contains(twoDigits, " "+code+" ")
}

// String writes m for people, with the currency's own number of decimals: "12,900 KRW", "12.99 USD".
func (m Money) String() string {
	n, ok := digits[m.Currency]
	if !ok {
		n = 2
	}
	sign, s := "", strconv.FormatUint(magnitude(m.Amount), 10)
	if m.Amount < 0 {
		sign = "-"
	}
	if pad := n + 1 - len(s); pad > 0 {
		s = strings.Repeat("0", pad) + s
	}
	whole, fraction := s[:len(s)-n], s[len(s)-n:]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if n > 0 {
		whole += "." + fraction
	}
	return strings.TrimSpace(sign + whole + " " + m.Currency)
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) //nolint:gosec // two's complement on purpose: right for the smallest int64 too
	}
	return uint64(n)
}
