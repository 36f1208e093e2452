package payment

import (
	"fmt"
	"strings"
)

// digits of the minor unit by ISO 4217 code, where they are not two.
var digits = map[string]int{ //nolint:gochecknoglobals // a constant table
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
	"UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

// twoDigits has the other codes of ISO 4217 that people are charged in.
const twoDigits = " AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF " +
	"CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR " +
	"ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR " +
	"MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP " +
	"STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG "

// replaced has the code that took the place of each one withdrawn since 2011. Rows from before may still have these, and are
// printed as they were; all of them had two digits but BYR.
var replaced = map[string]string{ //nolint:gochecknoglobals // a constant table
	"ANG": "XCG", "BGN": "EUR", "BYR": "BYN", "CUC": "CUP", "EEK": "EUR", "HRK": "EUR", "LTL": "EUR", "LVL": "EUR",
	"MRO": "MRU", "SLL": "SLE", "STD": "STN", "VEF": "VES", "ZMK": "ZMW", "ZWL": "ZWG",
}

// CurrencyProblem says why nobody can be charged in a currency, in words that an operator can act on; empty if they can.
func CurrencyProblem(code string) string {
	const longest = 40 // characters of a shop's value that are repeated
	switch {
	case current(code):
		return ""
	case replaced[code] != "":
		return fmt.Sprintf("currency %q was withdrawn; %s replaced it", code, replaced[code])
	default:
		return fmt.Sprintf("currency %q is not a known ISO 4217 code in upper case", Cut(code, longest))
	}
}

// current reports whether ISO 4217 lists code today, and people can be charged in it.
func current(code string) bool {
	if _, ok := digits[code]; ok {
		return true
	}
	return len(code) == 3 && strings.Contains(twoDigits, " "+code+" ")
}

// KnownCurrency reports whether code is an ISO 4217 code of a currency, of today or withdrawn.
func KnownCurrency(code string) bool { return current(code) || replaced[code] != "" }

// digitsOf returns the digits of a currency's minor unit; two for what is none.
func digitsOf(code string) int {
	if n, ok := digits[code]; ok {
		return n
	}
	if code == "BYR" {
		return 0
	}
	return 2
}
