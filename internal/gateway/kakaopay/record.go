package kakaopay

import (
	"encoding/json"
	"fmt"
	"time"

	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// amountBody is an amount of a record.
type amountBody struct {
	Total *int64 `json:"total"`
}

// recordBody is the answer to a charge or to a look-up, as far as it is read. Pointers tell what is missing from what is empty.
type recordBody struct {
	AID       string     `json:"aid"`
	TID       string     `json:"tid"`
	Status    string     `json:"status"` // of a look-up alone
	Order     string     `json:"partner_order_id"`
	User      string     `json:"partner_user_id"`
	Amount    amountBody `json:"amount"`
	Canceled  amountBody `json:"canceled_amount"`
	Available amountBody `json:"cancel_available_amount"`
	Created   string     `json:"created_at"`
	Approved  string     `json:"approved_at"`
}

// seoul is the zone of KakaoPay's times, which name none. Korea has had no summer time since 1988.
var seoul = time.FixedZone("KST", 9*60*60) //nolint:gochecknoglobals // a constant

// localTime reads a time of KakaoPay's; ok is false if it is none.
func localTime(s string) (at time.Time, ok bool) {
	at, err := time.ParseInLocation("2006-01-02T15:04:05", s, seoul)
	return at.UTC(), err == nil
}

// readRecord reads a record. why, if it is not empty, says that the body is none.
func readRecord(body []byte) (b recordBody, why string) {
	if err := json.Unmarshal(body, &b); err != nil {
		return recordBody{}, exchange.Malformed(body, err)
	}
	return b, ""
}

// payment is what b stands for, but for its status; why, if it is not empty, names the field that it lacks.
func (c *Client) payment(b recordBody, clean exchange.Cleaner) (p payment.Payment, why string) {
	switch {
	case b.TID == "":
		return p, exchange.Missing("tid")
	case !clean.Storable(b.TID):
		return p, fmt.Sprintf(`field "tid" holds our secret, or is not UTF-8 of at most %d characters`, exchange.LongestText)
	case b.Order == "":
		return p, exchange.Missing("partner_order_id")
	case b.User == "":
		return p, exchange.Missing("partner_user_id")
	case b.Amount.Total == nil:
		return p, exchange.Missing("amount.total")
	}
	p = payment.Payment{
		ID: b.TID, Key: b.Order, Reference: c.reference(b.Order), CustomerUnknown: true, GatewayCustomer: b.User,
		Money: payment.Money{Amount: *b.Amount.Total, Currency: won},
	}
	for _, at := range []string{b.Created, b.Approved} {
		if t, ok := localTime(at); ok && p.CreatedAt.IsZero() {
			p.CreatedAt = t
		}
	}
	return p, ""
}

// approved is the payment that the answer to a charge stands for: one that KakaoPay took the money of.
func (c *Client) approved(b recordBody, clean exchange.Cleaner) (p payment.Payment, why string) {
	if b.AID == "" {
		return p, exchange.Missing("aid")
	}
	if _, ok := localTime(b.Approved); !ok {
		return p, `field "approved_at" is missing, or no time`
	}
	p, why = c.payment(b, clean)
	p.Status = payment.Succeeded
	return p, why
}

// found is the payment that a look-up shows.
func (c *Client) found(b recordBody, clean exchange.Cleaner) (p payment.Payment, why string) {
	if p, why = c.payment(b, clean); why != "" {
		return p, why
	}
	switch b.Status {
	case "SUCCESS_PAYMENT", "PART_CANCEL_PAYMENT", "CANCEL_PAYMENT":
		return refunded(p, b)
	case "FAIL_PAYMENT", "FAIL_AUTH_PASSWORD", "QUIT_PAYMENT":
		p.Status, p.Decline = payment.Declined, payment.Decline{Class: payment.Soft, Code: b.Status, Message: "the payment is " + b.Status}
	case "READY", "SEND_TMS", "OPEN_PAYMENT", "SELECT_METHOD", "ARS_WAITING", "AUTH_PASSWORD", "ISSUED_SID":
		p.Status = payment.Pending
	case "":
		return payment.Payment{}, exchange.Missing("status")
	default:
		return payment.Payment{}, `field "status" is none that this version knows`
	}
	return p, ""
}

// refunded is p, which KakaoPay took the money of, with what of it was given back. The amounts must agree with each other.
func refunded(p payment.Payment, b recordBody) (_ payment.Payment, why string) {
	p.Status = payment.Succeeded
	switch {
	case b.Canceled.Total != nil:
		p.Refunded = *b.Canceled.Total
	case b.Available.Total != nil:
		p.Refunded = p.Money.Amount - *b.Available.Total
	default:
		return payment.Payment{}, exchange.Missing("canceled_amount.total")
	}
	if b.Canceled.Total != nil && b.Available.Total != nil && *b.Canceled.Total+*b.Available.Total != p.Money.Amount {
		return payment.Payment{}, "its cancelled and its available amount are not its total"
	}
	if (b.Status == "CANCEL_PAYMENT") != (p.Refunded == p.Money.Amount) || (b.Status == "SUCCESS_PAYMENT") != (p.Refunded == 0) {
		return payment.Payment{}, fmt.Sprintf("it is %s, and %d of %d is refunded", b.Status, p.Refunded, p.Money.Amount)
	}
	return p, ""
}

// errorBody is an error of the API.
type errorBody struct {
	Code    *int64 `json:"error_code"`
	Message string `json:"error_message"`
	Extras  struct {
		Code    string `json:"method_result_code"`
		Message string `json:"method_result_message"`
	} `json:"extras"`
}

// readError reads an error, or reports that the body is none.
func readError(body []byte) (errorBody, bool) {
	var b errorBody
	if json.Unmarshal(body, &b) != nil || b.Code == nil {
		return errorBody{}, false
	}
	return b, true
}
