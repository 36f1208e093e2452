package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"duly/internal/payment"
)

// Sentence is a sentence of docs/payments-api.yaml, word for word.
type Sentence string

// The sentences that the conformance suite holds a service to.
const (
	SentenceToken     Sentence = "Every request carries the token; a wrong one is answered 401 or 403, whatever is asked for."
	SentenceSettled   Sentence = "Only 200 and 402 with a well-formed body say what became of the money."
	SentenceFields    Sentence = "A `Payment` has every field that is required of it."
	SentenceAmounts   Sentence = "Amounts are integers in minor units."
	SentenceInstants  Sentence = "Instants are RFC 3339, with their zone."
	SentenceStatus    Sentence = "A status is `pending`, `succeeded`, `declined` or `canceled`."
	SentenceEcho      Sentence = "A payment shows the key, the reference, the customer, the amount and the currency of its request, byte by byte."
	SentencePending   Sentence = "What is `pending` is decided, and a look-up shows the decision."
	SentenceReplay    Sentence = "The same key with the same body answers with the first result (`Idempotent-Replayed: true`) for as long as the service keeps keys, 24 h at least."
	SentenceOtherBody Sentence = "This key was used with another body (never send it again; look it up)"
	SentenceDeclined  Sentence = "Declined. Status is `declined`, `decline` is set."
	SentenceRejected  Sentence = "This request can never work (one bad row; set it aside, go on with the others)"
	SentenceLookup    Sentence = "A look-up shows every payment, by its key and by its id, as soon as its charge was answered."
	SentenceAbsent    Sentence = "A 400, or a look-up's 404, without an `Error` body says nothing."
	SentenceUnknown   Sentence = "The service has no such payment"
	SentenceRefunded  Sentence = "Refunded; `refunded_amount` has grown"
	SentenceTooMuch   Sentence = "More than was paid"
	SentenceCanceled  Sentence = "Status is `canceled`"
	SentenceDecided   Sentence = "Decided already"
	SentenceList      Sentence = "List every payment created in a window, oldest first"
	SentenceListed    Sentence = "A listed payment is as a look-up shows it."
	SentenceWindow    Sentence = "A payment of the instant `created_from` is in the window, one of `created_to` is not."
	SentencePages     Sentence = "Following `next_cursor` from the first page to the last shows each payment once, and ends."
	SentencePageSize  Sentence = "payments of a page at most"
)

// Error is what a service does otherwise than its contract says.
type Error struct {
	Sentence Sentence
	Found    string
	At       *Exchange // where that is seen; nil: in the last one
}

// Error implements error.
func (b *Error) Error() string { return b.Found }

// Errorf is an error that says which sentence is broken; format may wrap an error, whose words alone are kept.
func Errorf(s Sentence, format string, args ...any) error {
	return &Error{Sentence: s, Found: fmt.Errorf(format, args...).Error()}
}

var wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)

// paymentBreach compares a body that should be a payment with the contract; nil: it is one. A client that copes with less says nothing
// of what is missing.
func paymentBreach(body []byte) *Error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var p map[string]any
	if err := decoder.Decode(&p); err != nil || p == nil {
		return &Error{Sentence: SentenceSettled, Found: "the body is no JSON object"}
	}
	return fieldsBreach(p)
}

func fieldsBreach(p map[string]any) *Error {
	texts, amounts := []string{"id", "status", "idempotency_key", "reference", "customer_id", "currency", "created_at"}, []string{"amount", "refunded_amount"}
	for _, field := range slices.Concat(texts, amounts) {
		if p[field] == nil {
			return &Error{Sentence: SentenceFields, Found: field + " is missing"}
		}
	}
	for _, field := range amounts {
		n, ok := p[field].(json.Number)
		switch {
		case !ok:
			return &Error{Sentence: SentenceAmounts, Found: field + " is no number"}
		case !wholeNumber.MatchString(n.String()):
			return &Error{Sentence: SentenceAmounts, Found: fmt.Sprintf("%s is %s", field, n)}
		}
	}
	for _, field := range texts {
		if _, ok := p[field].(string); !ok {
			return &Error{Sentence: SentenceFields, Found: field + " is no text"}
		}
	}
	created, status := fmt.Sprint(p["created_at"]), payment.Status(fmt.Sprint(p["status"]))
	if _, err := time.Parse(time.RFC3339Nano, created); err != nil {
		return &Error{Sentence: SentenceInstants, Found: fmt.Sprintf("created_at is %q", created)}
	}
	switch status {
	case payment.Pending, payment.Succeeded, payment.Canceled:
		return nil
	case payment.Declined:
		if decline, _ := p["decline"].(map[string]any); decline["code"] == nil || decline["code"] == "" {
			return &Error{Sentence: SentenceDeclined, Found: "decline.code is missing"}
		}
		return nil
	}
	return &Error{Sentence: SentenceStatus, Found: fmt.Sprintf("status is %q", status)}
}

// listBreach compares a body that should be a page of payments with the contract; nil: it is one.
func listBreach(body []byte) *Error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var page struct {
		Data []map[string]any `json:"data"`
	}
	if err := decoder.Decode(&page); err != nil || page.Data == nil {
		return &Error{Sentence: SentenceList, Found: "the body is no page with data"}
	}
	for _, p := range page.Data {
		if b := fieldsBreach(p); b != nil {
			return b
		}
	}
	return nil
}
