package answers

import (
	"encoding/json"
	"errors"
	"fmt"

	"duly/internal/payment"
)

// keptDocument is a kept answer as it is stored. Stored documents outlive the program that wrote them: fields are
// only ever added.
type keptDocument struct {
	Reference  string      `json:"reference"`
	CustomerID string      `json:"customer_id"`
	Money      keptMoney   `json:"money"`
	Outcome    keptOutcome `json:"outcome"`
}

type keptMoney struct {
	Amount   int64  `json:"amount"` // minor units
	Currency string `json:"currency"`
}

// keptOutcome leaves out what only matters to the process that made the request.
type keptOutcome struct {
	Kind      payment.Kind `json:"kind"`
	PaymentID string       `json:"payment_id,omitempty"`
	Reason    string       `json:"reason,omitempty"`
	Decline   *keptDecline `json:"decline,omitempty"`
}

type keptDecline struct {
	Class       payment.Class `json:"class,omitempty"`
	Code        string        `json:"code,omitempty"`
	NetworkCode string        `json:"network_code,omitempty"`
	AdviceCode  string        `json:"advice_code,omitempty"`
	Message     string        `json:"message,omitempty"`
	// Network was added later: documents without it are of no network that is known.
	Network payment.Network `json:"network,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (k Kept) MarshalJSON() ([]byte, error) {
	o := keptOutcome{Kind: k.Outcome.Kind, PaymentID: k.Outcome.PaymentID, Reason: k.Outcome.Reason}
	if d := k.Outcome.Decline; d != (payment.Decline{}) {
		o.Decline = new(keptDecline(d))
	}
	return json.Marshal(keptDocument{k.Reference, k.CustomerID, keptMoney(k.Money), o})
}

// UnmarshalJSON implements [json.Unmarshaler]. It reads what MarshalJSON writes, and what the first release wrote. A kind
// that is neither a known word nor a known number is an error.
func (k *Kept) UnmarshalJSON(text []byte) error {
	var raw struct {
		Outcome map[string]json.RawMessage `json:"outcome"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	_, words := raw.Outcome["kind"]
	_, numbers := raw.Outcome["Kind"]
	if words == numbers { // encoding/json takes either for the other
		return errors.New("a kept answer has one kind")
	}
	if numbers {
		return k.unmarshalNumbered(text)
	}
	var d keptDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	*k = Kept{d.Reference, d.CustomerID, payment.Money(d.Money), payment.Outcome{
		Kind: d.Outcome.Kind, PaymentID: d.Outcome.PaymentID, Reason: d.Outcome.Reason,
	}}
	if d.Outcome.Decline != nil {
		k.Outcome.Decline = payment.Decline(*d.Outcome.Decline)
	}
	return nil
}

// numberedDocument is a kept answer as the first release stored it: by the names of Go fields, its kind by number.
type numberedDocument struct {
	Reference  string `json:"reference"`
	CustomerID string `json:"customer_id"`
	Money      struct {
		Amount   int64  `json:"Amount"`
		Currency string `json:"Currency"`
	} `json:"money"`
	Outcome struct {
		Kind    *int `json:"Kind"`
		Decline struct {
			Class       payment.Class `json:"Class"`
			Code        string        `json:"Code"`
			NetworkCode string        `json:"NetworkCode"`
			AdviceCode  string        `json:"AdviceCode"`
			Message     string        `json:"Message"`
		} `json:"Decline"`
		PaymentID string `json:"PaymentID"`
		Reason    string `json:"Reason"`
	} `json:"outcome"`
}

func (k *Kept) unmarshalNumbered(text []byte) error {
	var d numberedDocument
	if err := json.Unmarshal(text, &d); err != nil {
		return err
	}
	if d.Outcome.Kind == nil {
		return errors.New("a kept answer has a kind")
	}
	kind, ok := numberedKind(*d.Outcome.Kind)
	if !ok {
		return fmt.Errorf("%d is no kind of outcome", *d.Outcome.Kind)
	}
	why := d.Outcome.Decline
	*k = Kept{d.Reference, d.CustomerID, payment.Money(d.Money), payment.Outcome{
		Kind: kind, PaymentID: d.Outcome.PaymentID, Reason: d.Outcome.Reason,
		Decline: payment.Decline{Class: why.Class, Code: why.Code, NetworkCode: why.NetworkCode, AdviceCode: why.AdviceCode, Message: why.Message},
	}}
	return nil
}

// numberedKind is the kind that the first release stored as n. The numbers are frozen: they are in rows, and have nothing
// to do with the order of the constants.
func numberedKind(n int) (payment.Kind, bool) {
	switch n {
	case 0:
		return payment.InDoubt, true
	case 1:
		return payment.Paid, true
	case 2:
		return payment.Refused, true
	case 3:
		return payment.NotExecuted, true
	case 4:
		return payment.TryLater, true
	case 5:
		return payment.Differs, true
	case 6:
		return payment.Rejected, true
	case 7:
		return payment.Misconfigured, true
	}
	return 0, false
}
