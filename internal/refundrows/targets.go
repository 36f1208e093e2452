package refundrows

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/refunds"
	"duly/internal/store"
)

const (
	refundInvoices = `SELECT id, subscription_id, due_date, status, amount, currency FROM invoices WHERE id IN (?)`

	refundAttempts = `SELECT id, invoice_id, gateway, COALESCE(account_id, 0) AS account_id, idempotency_key, COALESCE(gateway_payment_id, '') AS gateway_payment_id,
COALESCE(gateway_customer, '') AS gateway_customer, reference, customer_id, amount, currency, refunded_amount, created_at
FROM payment_attempts WHERE invoice_id IN (?) AND status = 'succeeded' ORDER BY id`

	refundPayments = `SELECT id, COALESCE(order_id, 0) AS order_id FROM payments WHERE id IN (?)`

	namedByHand = `SELECT DISTINCT subject FROM operator_actions WHERE subject IN (?) AND action = 'resolve' AND JSON_UNQUOTE(JSON_EXTRACT(detail, '$.as')) = 'paid'`
)

// Targets reads the payments that refunds are of, by the refund's id and without a lock.
func Targets(ctx context.Context, q sqlx.QueryerContext, list []refunds.Refund) (map[uint64]refunds.Target, error) {
	found := make(map[uint64]refunds.Target, len(list))
	if err := invoiceTargets(ctx, q, list, found); err != nil {
		return nil, err
	}
	if err := paymentTargets(ctx, q, list, found); err != nil {
		return nil, err
	}
	if err := addSameCharge(ctx, q, found); err != nil {
		return nil, err
	}
	return found, byHand(ctx, q, found)
}

func invoiceTargets(ctx context.Context, q sqlx.QueryerContext, list []refunds.Refund, found map[uint64]refunds.Target) error {
	ids := store.KnownIDs(list, func(r refunds.Refund) uint64 { return r.InvoiceID })
	if len(ids) == 0 {
		return nil
	}
	type invoice struct {
		ID             uint64
		SubscriptionID uint64       `db:"subscription_id"`
		Due            payment.Date `db:"due_date"`
		Status         string
		Amount         int64
		Currency       string
	}
	var invoices []invoice
	if err := mysql.SelectIn(ctx, q, &invoices, refundInvoices, ids); err != nil {
		return err
	}
	type attempt struct {
		ID        uint64
		Invoice   uint64 `db:"invoice_id"`
		Gateway   string
		Account   uint32 `db:"account_id"`
		Key       string `db:"idempotency_key"`
		PaymentID string `db:"gateway_payment_id"`
		Customer2 string `db:"gateway_customer"`
		Reference string
		Customer  string `db:"customer_id"`
		Amount    int64
		Currency  string
		Refunded  int64     `db:"refunded_amount"`
		Created   time.Time `db:"created_at"`
	}
	var attempts []attempt
	if err := mysql.SelectIn(ctx, q, &attempts, refundAttempts, ids); err != nil {
		return err
	}
	paid := make(map[uint64]attempt, len(attempts))
	for _, a := range attempts {
		if _, first := paid[a.Invoice]; !first {
			paid[a.Invoice] = a
		}
	}
	targets := make(map[uint64]refunds.Target, len(invoices))
	for _, i := range invoices {
		t := refunds.Target{SubscriptionID: i.SubscriptionID, DueDate: i.Due, Paid: payment.Money{Amount: i.Amount, Currency: i.Currency}}
		a, is := paid[i.ID]
		switch {
		case is && a.PaymentID == "":
			t.Problem = fmt.Sprintf("attempt %d has no id of its gateway's payment", a.ID)
		case !is && i.Status == "charging":
			t.Wait = "the invoice is being charged"
		case !is && i.Status == "paid":
			t.Problem = "the invoice was not paid through a gateway"
		case !is:
			t.Problem = "nothing was paid: the invoice is " + i.Status
		}
		if is {
			t.AttemptID, t.Gateway, t.Account, t.ChargeKey, t.GatewayID, t.GatewayCustomer = a.ID, a.Gateway, a.Account, a.Key, a.PaymentID, a.Customer2
			t.Reference, t.CustomerID, t.Recorded, t.CreatedAt = a.Reference, a.Customer, a.Refunded, a.Created
			t.Paid = payment.Money{Amount: a.Amount, Currency: a.Currency}
		}
		targets[i.ID] = t
	}
	for _, r := range list {
		if r.InvoiceID == 0 {
			continue
		}
		t, is := targets[r.InvoiceID]
		if !is {
			t.Problem = fmt.Sprintf("there is no invoice %d", r.InvoiceID)
		}
		found[r.ID] = t
	}
	return nil
}

func paymentTargets(ctx context.Context, q sqlx.QueryerContext, list []refunds.Refund, found map[uint64]refunds.Target) error {
	ids := store.KnownIDs(list, func(r refunds.Refund) uint64 { return r.PaymentID })
	if len(ids) == 0 {
		return nil
	}
	var rows []struct {
		ID      uint64
		OrderID uint64 `db:"order_id"`
	}
	if err := mysql.SelectIn(ctx, q, &rows, refundPayments, ids); err != nil {
		return err
	}
	orderOf := make(map[uint64]uint64, len(rows))
	var wanted []uint64
	for _, r := range rows {
		orderOf[r.ID] = r.OrderID
		wanted = append(wanted, r.OrderID)
	}
	claimed, err := store.OrdersOf(ctx, q, store.SortedIDs(wanted, func(id uint64) uint64 { return id }))
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.PaymentID == 0 {
			continue
		}
		t := refunds.Target{Problem: fmt.Sprintf("there is no payment %d", r.PaymentID)}
		if o := claimed[orderOf[r.PaymentID]]; o != nil {
			for _, p := range o.Payments {
				if p.ID == r.PaymentID {
					t = paymentTarget(o.Order, p)
				}
			}
		}
		found[r.ID] = t
	}
	return nil
}

// paymentTarget is a payment of an order.
func paymentTarget(o orders.Order, p orders.Payment) refunds.Target {
	t := refunds.Target{
		Order: o, Payment: p, Gateway: p.Gateway, ChargeKey: p.Key, GatewayID: p.TransactionKey, Reference: orders.Reference(p.OrderID), CustomerID: o.CustomerID,
		Paid: p.Money, Recorded: p.Refunded, CreatedAt: p.CreatedAt,
	}
	switch p.Status {
	case orders.PaymentSucceeded, orders.PaymentRefunded, orders.PaymentReview:
	case orders.PaymentPending:
		t.Wait = "the payment is not settled yet"
	case orders.PaymentRefundDue:
		t.Wait = "the payment is refund_due: all of it is being refunded"
	case orders.PaymentFailed, orders.PaymentCancelled:
		t.Problem = fmt.Sprintf("nothing is held: the payment is %s", p.Status)
	default:
		t.Problem = fmt.Sprintf("nothing is held: the payment is %s", p.Status)
	}
	return t
}

// Elsewhere says why nothing of a payment is refunded where its gateway is called today: another account took it. Empty: it did not, as far as
// anybody knows.
func Elsewhere(ctx context.Context, source *store.Controls, c refunds.Claimed) (string, error) {
	if c.AttemptID == 0 {
		return source.Elsewhere(ctx, c.Payment)
	}
	if today, err := source.Today(ctx, c.Gateway, c.Account); err != nil || today {
		return "", err
	}
	return fmt.Sprintf("what gateway %[1]s took at another account than today's is not refunded there: if it has moved, duly doctor --moved %[1]s OLD_URL; else fix gateways.%[1]s.url", c.Gateway), nil
}

// byHand marks the payments that an operator named.
func byHand(ctx context.Context, q sqlx.QueryerContext, found map[uint64]refunds.Target) error {
	subjects := map[string][]uint64{}
	for id, t := range found {
		switch {
		case t.AttemptID != 0:
			subject := fmt.Sprintf("attempt:%d", t.AttemptID)
			subjects[subject] = append(subjects[subject], id)
		case t.Payment.ID != 0:
			for _, subject := range []string{fmt.Sprintf("payment:%d", t.Payment.ID), fmt.Sprintf("order:%d", t.Payment.OrderID)} {
				subjects[subject] = append(subjects[subject], id)
			}
		}
	}
	if len(subjects) == 0 {
		return nil
	}
	names := make([]string, 0, len(subjects))
	for subject := range subjects {
		names = append(names, subject)
	}
	var named []string
	if err := mysql.SelectIn(ctx, q, &named, namedByHand, names); err != nil {
		return err
	}
	for _, subject := range named {
		for _, id := range subjects[subject] {
			t := found[id]
			t.ByHand = t.GatewayID != ""
			found[id] = t
		}
	}
	return nil
}
