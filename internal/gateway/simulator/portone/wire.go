package portone

import (
	"encoding/json"
	"fmt"
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/gateway/simulator/toss"
	"duly/internal/payment"
)

const noCode = plan.OutcomeNoCode

// custom is what duly writes into customData.
type custom struct {
	Key       string `json:"duly_key"`
	Reference string `json:"duly_reference"`
	Customer  string `json:"duly_customer"`
}

// readCustom reads customData; ok is false where duly did not write it.
func readCustom(text string) (c custom, ok bool) {
	err := json.Unmarshal([]byte(text), &c)
	return c, err == nil && c.Key != "" && c.Reference != ""
}

// extra is what the books remember for this dialect.
type extra struct {
	orderName, customData, storeID, channelKey string
}

// The account that payments are shown under.
const (
	merchantID = "merchant-00000000"
	storeID    = "store-00000000"
	channelKey = "channel-key-00000000-0000-0000-0000-000000000000"
)

type wireAmount struct {
	Total            int64 `json:"total"`
	TaxFree          int64 `json:"taxFree"`
	Discount         int64 `json:"discount"`
	Paid             int64 `json:"paid"`
	Cancelled        int64 `json:"cancelled"`
	CancelledTaxFree int64 `json:"cancelledTaxFree"`
}

type wireChannel struct {
	Type         string `json:"type"`
	Key          string `json:"key"`
	PgProvider   string `json:"pgProvider"`
	PgMerchantID string `json:"pgMerchantId"`
}

type wireCustomer struct {
	ID string `json:"id,omitempty"`
}

type wireFailure struct {
	Reason    string `json:"reason,omitempty"`
	PgCode    string `json:"pgCode,omitempty"`
	PgMessage string `json:"pgMessage,omitempty"`
}

type wireCancellation struct {
	Status      string     `json:"status"`
	ID          string     `json:"id"`
	TotalAmount int64      `json:"totalAmount"`
	Reason      string     `json:"reason"`
	RequestedAt time.Time  `json:"requestedAt"`
	CancelledAt *time.Time `json:"cancelledAt,omitempty"`
}

// wirePayment is the Payment of the API.
type wirePayment struct {
	Status          string             `json:"status"`
	ID              string             `json:"id"`
	TransactionID   string             `json:"transactionId"`
	MerchantID      string             `json:"merchantId"`
	StoreID         string             `json:"storeId"`
	Channel         wireChannel        `json:"channel"`
	Version         string             `json:"version"`
	BillingKey      string             `json:"billingKey,omitempty"`
	RequestedAt     time.Time          `json:"requestedAt"`
	UpdatedAt       time.Time          `json:"updatedAt"`
	StatusChangedAt time.Time          `json:"statusChangedAt"`
	OrderName       string             `json:"orderName"`
	Amount          wireAmount         `json:"amount"`
	Currency        string             `json:"currency"`
	Customer        wireCustomer       `json:"customer"`
	CustomData      string             `json:"customData,omitempty"`
	PgTxID          string             `json:"pgTxId,omitempty"`
	PaidAt          *time.Time         `json:"paidAt,omitempty"`
	FailedAt        *time.Time         `json:"failedAt,omitempty"`
	Failure         *wireFailure       `json:"failure,omitempty"`
	Cancellations   []wireCancellation `json:"cancellations,omitempty"`
	CancelledAt     *time.Time         `json:"cancelledAt,omitempty"`
}

func pgTxID(p core.Payment) string { return fmt.Sprintf("pgtx_%010d", p.Serial) }

// wire is p as GET /payments/{paymentId} shows it.
func wire(p core.Payment) wirePayment {
	x, _ := p.Extra.(extra)
	w := wirePayment{
		ID: p.Handle, TransactionID: fmt.Sprintf("trx_%010d", p.Serial), MerchantID: merchantID, StoreID: or(x.storeID, storeID),
		Channel: wireChannel{Type: "TEST", Key: or(x.channelKey, channelKey), PgProvider: "TOSSPAYMENTS", PgMerchantID: "tvivarepublica"},
		Version: "V2", BillingKey: p.Method, RequestedAt: p.CreatedAt, UpdatedAt: p.CreatedAt, StatusChangedAt: p.CreatedAt,
		OrderName: or(x.orderName, "-"), Amount: amountOf(p), Currency: p.Currency, Customer: wireCustomer{p.CustomerID}, CustomData: customData(p, x.customData),
	}
	at := p.CreatedAt
	for i, part := range p.Parts {
		w.Cancellations = append(w.Cancellations, cancellation(p, i))
		w.UpdatedAt = part.At
		if part.State == core.PartDone {
			w.CancelledAt, w.StatusChangedAt = &part.At, part.At
		}
	}
	switch {
	case p.Status == payment.Declined:
		d := toss.DeclineOf(p.Outcome)
		w.Status, w.FailedAt, w.Failure = "FAILED", &at, &wireFailure{Reason: "PG_PROVIDER", PgCode: d.Code, PgMessage: d.Message}
		if p.Outcome == noCode {
			w.Failure = &wireFailure{Reason: "no answer of the PG"}
		}
		return w
	case p.Status == payment.Pending:
		w.Status = "PENDING"
		return w
	case p.Status == payment.Canceled:
		w.Status, w.CancelledAt = "CANCELLED", &at
		w.Cancellations = []wireCancellation{{Status: "SUCCEEDED", ID: "cxl_" + p.Handle, TotalAmount: p.Amount, Reason: "-", RequestedAt: at, CancelledAt: &at}}
	case p.Refunded >= p.Amount:
		w.Status = "CANCELLED"
	case p.Refunded > 0:
		w.Status = "PARTIAL_CANCELLED"
	default:
		w.Status = "PAID"
	}
	w.PgTxID, w.PaidAt = pgTxID(p), &at
	return w
}

// discounted is how seldom a payment has a discount of its card company: the customer pays a minor unit less.
const discounted = 7

func amountOf(p core.Payment) wireAmount {
	a := wireAmount{Total: p.Amount, Cancelled: p.Refunded}
	switch p.Status {
	case payment.Canceled:
		a.Paid, a.Cancelled = p.Amount, p.Amount
	case payment.Pending, payment.Declined:
	case payment.Succeeded:
		if p.Serial%discounted == 0 {
			a.Discount = 1
		}
		a.Paid = a.Total - a.Discount
	}
	return a
}

// customData is what the request had, unless the payment is another than the one that was asked for.
func customData(p core.Payment, asked string) string {
	c, ours := readCustom(asked)
	if asked != "" && (!ours || c.Reference == p.Reference && p.Outcome != plan.OutcomeWrongCustomer) {
		return asked
	}
	text, _ := json.Marshal(custom{Key: p.Key, Reference: p.Reference, Customer: p.CustomerID})
	return string(text)
}

// cancellation is the i-th refund of p.
func cancellation(p core.Payment, i int) wireCancellation {
	part := p.Parts[i]
	c := wireCancellation{
		Status: "SUCCEEDED", ID: fmt.Sprintf("cxl_%010d_%d", p.Serial, i+1), TotalAmount: part.Amount, Reason: or(part.Reason, "-"), RequestedAt: part.At,
	}
	switch part.State {
	case core.PartRequested:
		c.Status = "REQUESTED"
	case core.PartFailed:
		c.Status = "FAILED"
	case core.PartDone:
		c.CancelledAt = &part.At
	}
	return c
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
