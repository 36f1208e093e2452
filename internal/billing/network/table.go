package network

import (
	"time"

	"duly/internal/payment"
)

// Certainty is how well a row of the table is known.
type Certainty string

// The certainties, best first. A class beside a code is always a decision of duly.
const (
	Documented Certainty = "A" // read in the network's or a provider's own page
	Reported   Certainty = "B" // several acquirers' public lists agree
	Assumed    Certainty = "C" // one source, or the meaning that ISO 8583 gives the code
)

// Code is what a network says by a code about trying again.
type Code struct {
	// Network whose code it is; empty: it means the same at every network.
	Network payment.Network
	Code    string
	// Advice: a merchant advice code, else a response code.
	Advice bool
	// Class is what the method is declined with at least; empty: the gateway's own class counts.
	Class payment.Class
	// Wait is how long after the decline the method must not be tried; 0: the dates of dunning are late enough.
	Wait time.Duration
	// Warns: the card will not last, whatever becomes of this charge.
	Warns bool

	Says      string // for people
	Source    string
	Certainty Certainty
}

const (
	fourLists = "lists of four acquirers"
	fiveLists = "lists of five acquirers"
	oneList   = "one acquirer's list"
	iso8583   = "ISO 8583:1987, field 39"
	iso8583R  = "Visa's letters, which no other network has"

	day = 24 * time.Hour
)

// Codes lists every code that is known. A code that is not listed says nothing: the gateway's class counts.
func Codes() []Code {
	const visa, mastercard = payment.Visa, payment.Mastercard
	hard, action := payment.Hard, payment.Action
	return []Code{
		// Mastercard merchant advice codes.
		{Network: mastercard, Advice: true, Code: "01", Class: action, Says: "new account information is available", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "02", Wait: 3 * day, Says: "try again later", Source: oneList, Certainty: Assumed},
		{Network: mastercard, Advice: true, Code: "03", Class: hard, Says: "do not try again", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "04", Class: action, Says: "token requirements are not met", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "21", Class: hard, Says: "the customer cancelled the recurring payment", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "22", Class: action, Says: "the product code does not fit", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "24", Wait: time.Hour, Says: "try again after 1 hour", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "25", Wait: day, Says: "try again after 24 hours", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "26", Wait: 2 * day, Says: "try again after 2 days", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "27", Wait: 4 * day, Says: "try again after 4 days", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "28", Wait: 6 * day, Says: "try again after 6 days", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "29", Wait: 8 * day, Says: "try again after 8 days", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "30", Wait: 10 * day, Says: "try again after 10 days", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "40", Warns: true, Says: "a prepaid card that cannot be reloaded", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "41", Warns: true, Says: "a card number for a single use", Source: fiveLists, Certainty: Reported},
		{Network: mastercard, Advice: true, Code: "43", Warns: true, Says: "a virtual card number", Source: fiveLists, Certainty: Reported},

		// Visa response codes: never again.
		{Network: visa, Code: "04", Class: hard, Says: "pick up the card", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "07", Class: hard, Says: "pick up the card, special condition", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "12", Class: hard, Says: "invalid transaction", Source: "older lists; dropped and taken up again", Certainty: Assumed},
		{Network: visa, Code: "14", Class: hard, Says: "no such account number", Source: "older lists; dropped and taken up again", Certainty: Assumed},
		{Network: visa, Code: "15", Class: hard, Says: "no such issuer", Source: "older lists; dropped in April 2025", Certainty: Assumed},
		{Network: visa, Code: "41", Class: hard, Says: "lost card", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "43", Class: hard, Says: "stolen card", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "46", Class: hard, Says: "closed account", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "57", Class: hard, Says: "not permitted to the cardholder", Source: "older lists; back since 25 October 2026", Certainty: Assumed},
		{Network: visa, Code: "R0", Class: hard, Says: "the customer stopped this payment", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "R1", Class: hard, Says: "the customer revoked the authorization", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "R3", Class: hard, Says: "the customer revoked all authorizations", Source: fourLists, Certainty: Reported},

		// Visa response codes: the data must be corrected first.
		{Network: visa, Code: "54", Class: action, Says: "expired card", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "55", Class: action, Says: "incorrect PIN", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "82", Class: action, Says: "negative result of the card's check value", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "6P", Class: action, Says: "the customer's data could not be verified", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "N7", Class: action, Says: "the card's check value is wrong", Source: fourLists, Certainty: Reported},

		// Visa response codes: later.
		{Network: visa, Code: "03", Says: "invalid merchant", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "19", Says: "enter the transaction again", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "39", Says: "no credit account", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "51", Says: "insufficient funds", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "52", Says: "no checking account", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "53", Says: "no savings account", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "59", Says: "suspected fraud", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "5C", Says: "not supported or blocked by the issuer", Source: "lists since April 2025", Certainty: Reported},
		{Network: visa, Code: "61", Says: "above the limit of amounts", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "62", Says: "restricted card", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "65", Says: "above the limit of charges", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "75", Says: "too many tries of the PIN", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "78", Says: "blocked, or used for the first time", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "83", Says: "fraud or security", Source: "lists of 25 October 2026", Certainty: Assumed},
		{Network: visa, Code: "86", Says: "the PIN cannot be verified", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "91", Says: "the issuer is not available", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "93", Says: "against the law", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "96", Says: "system error", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "9G", Says: "blocked by the cardholder", Source: "lists since April 2025", Certainty: Reported},
		{Network: visa, Code: "N3", Says: "cash is not available", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "N4", Says: "cash above the issuer's limit", Source: fourLists, Certainty: Reported},
		{Network: visa, Code: "Z5", Says: "valid account, and the amount is not supported", Source: fourLists, Certainty: Reported},

		// Response codes that mean the same at every network, also at one that the gateway does not name.
		{Code: "04", Class: hard, Says: "pick up the card", Source: iso8583, Certainty: Assumed},
		{Code: "07", Class: hard, Says: "pick up the card, special condition", Source: iso8583, Certainty: Assumed},
		{Code: "41", Class: hard, Says: "lost card", Source: iso8583, Certainty: Assumed},
		{Code: "43", Class: hard, Says: "stolen card", Source: iso8583, Certainty: Assumed},
		{Code: "54", Class: action, Says: "expired card", Source: iso8583, Certainty: Assumed},
		{Code: "R0", Class: hard, Says: "the customer stopped this payment", Source: iso8583R, Certainty: Assumed},
		{Code: "R1", Class: hard, Says: "the customer revoked the authorization", Source: iso8583R, Certainty: Assumed},
		{Code: "R3", Class: hard, Says: "the customer revoked all authorizations", Source: iso8583R, Certainty: Assumed},
	}
}
