package kakaopay

import (
	"fmt"
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

// extra is what the books remember for this dialect.
type extra struct {
	cid, order, reference, user, item string
	quantity, taxFree, vat            int64
}

// defaultCID is that of payments which nobody asked for.
const defaultCID = "TCSUBSCRIP"

// extraOf is what the books remember of p, or would if it had been asked for.
func extraOf(p core.Payment) extra {
	if x, ok := p.Extra.(extra); ok {
		return x
	}
	return extra{cid: defaultCID, order: p.Handle, reference: p.Reference, user: userOf(p), item: "-", quantity: 1}
}

// userOf is the partner_user_id that p has: what was asked for, unless the payment is another's.
func userOf(p core.Payment) string {
	x, ok := p.Extra.(extra)
	switch {
	case ok && p.GatewayCustomer == x.user:
		return p.CustomerID
	case p.GatewayCustomer != "":
		return p.GatewayCustomer
	}
	return p.CustomerID
}

// orderOf is the partner_order_id that p has.
func orderOf(p core.Payment, x extra) string {
	if p.Reference != x.reference {
		return p.Reference
	}
	return x.order
}

// local is a time of Korea, without a zone, and empty for the zero time.
func local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(time.FixedZone("KST", 9*60*60)).Format("2006-01-02T15:04:05")
}

// wireAmount is an amount of the API, in won.
type wireAmount struct {
	Total        int64 `json:"total"`
	TaxFree      int64 `json:"tax_free"`
	VAT          int64 `json:"vat"`
	Point        int64 `json:"point"`
	Discount     int64 `json:"discount"`
	GreenDeposit int64 `json:"green_deposit"`
}

// wirePayment is what an answer to a charge, a look-up and a cancellation have in common.
type wirePayment struct {
	AID         string       `json:"aid,omitempty"`
	TID         string       `json:"tid"`
	CID         string       `json:"cid"`
	SID         string       `json:"sid,omitempty"`
	OrderID     string       `json:"partner_order_id"`
	UserID      string       `json:"partner_user_id"`
	MethodType  string       `json:"payment_method_type"`
	ItemName    string       `json:"item_name"`
	Quantity    int64        `json:"quantity"`
	Amount      wireAmount   `json:"amount"`
	CreatedAt   string       `json:"created_at"`
	ApprovedAt  string       `json:"approved_at,omitempty"`
	Status      string       `json:"status,omitempty"`
	Approved    *wireAmount  `json:"approved_cancel_amount,omitempty"`
	Canceled    *wireAmount  `json:"canceled_amount,omitempty"`
	Cancellable *wireAmount  `json:"cancel_available_amount,omitempty"`
	CanceledAt  string       `json:"canceled_at,omitempty"`
	Actions     []wireAction `json:"payment_action_details,omitempty"`
}

type wireAction struct {
	AID        string `json:"aid"`
	ApprovedAt string `json:"approved_at"`
	Amount     int64  `json:"amount"`
	Type       string `json:"payment_action_type"`
}

// aid is the id of an action of p: 0 is the payment, n its n-th cancellation.
func aid(p core.Payment, n int) string { return fmt.Sprintf("A%09d%010d", n, p.Serial) }

func methodType(sid string) string {
	if plan.Hash('t', sid)%2 == 0 {
		return "CARD"
	}
	return "MONEY"
}

// discounted is how seldom a payment has a discount of its card company.
const discounted = 7

// base is p without what became of it.
func base(p core.Payment) wirePayment {
	x := extraOf(p)
	amount := wireAmount{Total: p.Amount, TaxFree: x.taxFree, VAT: x.vat}
	if p.Serial%discounted == 0 {
		amount.Discount = 1
	}
	return wirePayment{
		TID: p.ID, CID: x.cid, SID: p.Method, OrderID: orderOf(p, x), UserID: userOf(p), MethodType: methodType(p.Method), ItemName: x.item, Quantity: x.quantity,
		Amount: amount, CreatedAt: local(p.CreatedAt),
	}
}

// approved answers the charge that made p. It says nothing of a status; what is pending has not been approved.
func approved(p core.Payment) wirePayment {
	w := base(p)
	w.AID = aid(p, 0)
	if p.Status != payment.Pending {
		w.ApprovedAt = local(p.CreatedAt)
	}
	return w
}

// wire is p as a look-up shows it.
func wire(p core.Payment) wirePayment {
	w := base(p)
	canceled := p.Refunded
	switch {
	case p.Status == payment.Declined:
		w.Status = "FAIL_PAYMENT"
	case p.Status == payment.Pending:
		w.Status = "AUTH_PASSWORD"
	case p.Status == payment.Canceled:
		w.Status, canceled = cancelPayment, p.Amount
	case p.Refunded >= p.Amount:
		w.Status = cancelPayment
	case p.Refunded > 0:
		w.Status = "PART_CANCEL_PAYMENT"
	default:
		w.Status = "SUCCESS_PAYMENT"
	}
	w.Canceled, w.Cancellable = &wireAmount{Total: canceled}, &wireAmount{}
	if p.Status != payment.Succeeded && p.Status != payment.Canceled {
		return w
	}
	w.Cancellable.Total = p.Amount - canceled
	w.ApprovedAt = local(p.CreatedAt)
	w.Actions = []wireAction{{AID: aid(p, 0), ApprovedAt: w.ApprovedAt, Amount: p.Amount, Type: "PAYMENT"}}
	for i, part := range p.Parts {
		if part.State == core.PartDone {
			w.CanceledAt = local(part.At)
			w.Actions = append(w.Actions, wireAction{AID: aid(p, i+1), ApprovedAt: w.CanceledAt, Amount: part.Amount, Type: "CANCEL"})
		}
	}
	if p.Status == payment.Canceled {
		w.CanceledAt = w.ApprovedAt
		w.Actions = append(w.Actions, wireAction{AID: aid(p, 1), ApprovedAt: w.CanceledAt, Amount: p.Amount, Type: "CANCEL"})
	}
	return w
}

const cancelPayment = "CANCEL_PAYMENT"
