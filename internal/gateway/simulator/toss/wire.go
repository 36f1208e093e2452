package toss

import (
	"fmt"
	"strings"
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

const (
	apiVersion = "2022-11-16"
	merchantID = "tvivarepublica"
	cardMethod = "카드"
	currency   = "KRW"
)

// extra is what the books remember for this dialect.
type extra struct{ orderName string }

type wireCancel struct {
	CancelAmount     int64  `json:"cancelAmount"`
	CancelReason     string `json:"cancelReason"`
	RefundableAmount int64  `json:"refundableAmount"`
	CanceledAt       string `json:"canceledAt"`
	TransactionKey   string `json:"transactionKey"`
	CancelStatus     string `json:"cancelStatus"`
}

// wirePayment is the Payment of the API.
type wirePayment struct {
	Version             string       `json:"version"`
	PaymentKey          string       `json:"paymentKey"`
	Type                string       `json:"type"`
	OrderID             string       `json:"orderId"`
	OrderName           string       `json:"orderName"`
	MID                 string       `json:"mId"`
	Currency            string       `json:"currency"`
	Method              string       `json:"method"`
	TotalAmount         int64        `json:"totalAmount"`
	BalanceAmount       int64        `json:"balanceAmount"`
	Status              string       `json:"status"`
	RequestedAt         string       `json:"requestedAt"`
	ApprovedAt          *string      `json:"approvedAt"`
	LastTransactionKey  *string      `json:"lastTransactionKey"`
	IsPartialCancelable bool         `json:"isPartialCancelable"`
	Cancels             []wireCancel `json:"cancels"`
	Failure             *wireFailure `json:"failure"`
}

// clock writes a time as Toss does: by the clock of Seoul, in whole seconds.
func clock(t time.Time) string { return t.In(seoul()).Format("2006-01-02T15:04:05-07:00") }

// approval is the transactionKey of p's approval, and refund that of its i-th cancellation.
func approval(p core.Payment) string      { return fmt.Sprintf("txn_%010d", p.Serial) }
func refund(p core.Payment, i int) string { return fmt.Sprintf("txn_%010d_%d", p.Serial, i+1) }

// orderID is the orderId that p shows: it stands for the reference too.
func orderID(p core.Payment) string {
	if p.Outcome == plan.OutcomeWrongReference {
		return p.Handle[:min(len(p.Handle), 58)] + "-other"
	}
	return p.Handle
}

// parts are the refunds of p, with that of one which somebody canceled at once.
func parts(p core.Payment) []core.Part {
	if p.Status == payment.Canceled {
		return []core.Part{{Amount: p.Amount, At: p.CreatedAt}}
	}
	return p.Parts
}

// wire is p as it stands.
func wire(p core.Payment) wirePayment {
	x, _ := p.Extra.(extra)
	w := wirePayment{
		Version: apiVersion, PaymentKey: p.ID, Type: "BILLING", OrderID: orderID(p), OrderName: or(x.orderName, "-"), MID: merchantID,
		Currency: p.Currency, Method: cardMethod, TotalAmount: p.Amount, BalanceAmount: p.Amount, RequestedAt: clock(p.CreatedAt), IsPartialCancelable: true,
	}
	if p.Status == payment.Declined {
		d := DeclineOf(p.Outcome)
		w.Status, w.Failure = "ABORTED", &wireFailure{d.Code, d.Message}
		return w
	}
	if p.Status == payment.Pending {
		w.Status = "IN_PROGRESS"
		return w
	}
	at, last := clock(p.CreatedAt), approval(p)
	w.ApprovedAt, w.LastTransactionKey, w.Status = &at, &last, "DONE"
	done := 0
	for i, part := range parts(p) {
		key := refund(p, i)
		c := wireCancel{CancelAmount: part.Amount, CancelReason: or(part.Reason, "-"), CanceledAt: clock(part.At), TransactionKey: key, CancelStatus: "DONE"}
		switch part.State {
		case core.PartRequested:
			c.CancelStatus = "IN_PROGRESS"
		case core.PartFailed:
			c.CancelStatus = "ABORTED"
		case core.PartDone:
			done++
			w.BalanceAmount -= part.Amount
			w.LastTransactionKey, w.Status = &key, "PARTIAL_CANCELED" // also when nothing is left after several parts
		}
		c.RefundableAmount = w.BalanceAmount
		w.Cancels = append(w.Cancels, c)
	}
	if done == 1 && w.BalanceAmount == 0 {
		w.Status = "CANCELED"
	}
	return w
}

// transaction is one row of a list.
type transaction struct {
	MID            string `json:"mId"`
	TransactionKey string `json:"transactionKey"`
	PaymentKey     string `json:"paymentKey"`
	OrderID        string `json:"orderId"`
	Method         string `json:"method"`
	CustomerKey    string `json:"customerKey"`
	Status         string `json:"status"`
	TransactionAt  string `json:"transactionAt"`
	Currency       string `json:"currency"`
	Amount         int64  `json:"amount"`

	at time.Time
}

// compare orders rows by time.
func (t transaction) compare(other transaction) int {
	if c := t.at.Compare(other.at); c != 0 {
		return c
	}
	return strings.Compare(t.TransactionKey, other.TransactionKey)
}

// transactions are the rows of p: its approval, and its cancellations. What was declined or is pending has none.
func transactions(p core.Payment) []transaction {
	if p.Status == payment.Declined || p.Status == payment.Pending {
		return nil
	}
	customer := p.GatewayCustomer
	if p.Outcome == plan.OutcomeWrongCustomer {
		customer = p.CustomerID
	}
	row := transaction{
		MID: merchantID, TransactionKey: approval(p), PaymentKey: p.ID, OrderID: orderID(p), Method: cardMethod, CustomerKey: customer,
		Status: "DONE", TransactionAt: clock(p.CreatedAt), Currency: p.Currency, Amount: p.Amount, at: p.CreatedAt,
	}
	rows := []transaction{row}
	left := p.Amount
	for i, part := range parts(p) {
		if part.State != core.PartDone {
			continue
		}
		left -= part.Amount
		row.TransactionKey, row.TransactionAt, row.Amount, row.at = refund(p, i), clock(part.At), part.Amount, part.At
		row.Status = "PARTIAL_CANCELED"
		if i == 0 && left == 0 {
			row.Status = "CANCELED"
		}
		rows = append(rows, row)
	}
	return rows
}
