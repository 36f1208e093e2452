package store

import (
	"strconv"
	"strings"

	"duly/internal/payment"
)

// Selection limits what a run works on.
type Selection struct {
	Business      payment.Date
	Subscriptions []uint64 // empty: all
	Orders        []uint64 // empty: all
}

// Partial reports whether only some rows are selected.
func (s Selection) Partial() bool { return len(s.Subscriptions)+len(s.Orders) > 0 }

// Gateways narrow a count down by gateway.
type Gateways struct {
	Names []string
	Only  bool // those of these gateways; else those of all others
}

// Exactly is a column that names a gateway, to be compared letter by letter and blank by blank, whatever its character set and
// collation. A gateway is configured under one spelling, and its pauses, account and limits are found by it. So what the shop wrote
// otherwise is of a gateway that is not configured, and named as that: to take MAIN for main could charge at an account that the shop
// did not mean, and a row that the database takes for one and the program for another would be forgotten.
func Exactly(column string) string { return "CAST(CONVERT(" + column + " USING utf8mb4) AS BINARY)" }

// Clause is the condition on the column that names the gateway, beginning with AND; none without names.
func (g Gateways) Clause(column string) (string, []any) {
	if len(g.Names) == 0 {
		return "", nil
	}
	args := make([]any, len(g.Names))
	for i, name := range g.Names {
		args[i] = name
	}
	not := " NOT"
	if g.Only {
		not = ""
	}
	return " AND " + Exactly(column) + not + " IN (" + Marks(len(args)) + ")", args
}

// Only narrows a query down to the selected subscriptions; column names them.
func (s Selection) Only(column string) (string, []any) { return among(column, s.Subscriptions) }

// OnlyOrders narrows a query down to the selected orders; column names them.
func (s Selection) OnlyOrders(column string) (string, []any) { return among(column, s.Orders) }

// OnlyRefunds narrows a query of refunds down to those of the selected orders and subscriptions; prefix names the table: "r.", or nothing.
func (s Selection) OnlyRefunds(prefix string) (string, []any) {
	payments, of := s.OnlyOrders("order_id")
	if payments != "" {
		payments = prefix + "payment_id IN (SELECT id FROM payments WHERE TRUE" + payments + ")"
	}
	invoices, bySubscription := s.Only("subscription_id")
	if invoices != "" {
		invoices = prefix + "invoice_id IN (SELECT id FROM invoices WHERE TRUE" + invoices + ")"
	}
	switch {
	case payments != "" && invoices != "":
		return " AND (" + payments + " OR " + invoices + ")", append(of, bySubscription...)
	case payments+invoices != "":
		return " AND " + payments + invoices, append(of, bySubscription...)
	}
	return "", nil
}

// among is the condition that a column has one of the ids; none at all for no ids.
func among(column string, ids []uint64) (string, []any) {
	if len(ids) == 0 {
		return "", nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return " AND " + column + " IN (" + Marks(len(ids)) + ")", args
}

// Marks are n placeholders; n is at least 1.
func Marks(n int) string { return "?" + strings.Repeat(",?", n-1) }

// OnlySubjects narrows a query down to the selected subjects; column names them.
func (s Selection) OnlySubjects(column string) (string, []any) {
	var subjects []any
	for _, id := range s.Subscriptions {
		subjects = append(subjects, "subscription:"+strconv.FormatUint(id, 10))
	}
	for _, id := range s.Orders {
		subjects = append(subjects, "order:"+strconv.FormatUint(id, 10))
	}
	if len(subjects) == 0 {
		return "", nil
	}
	return " AND " + column + " IN (" + Marks(len(subjects)) + ")", subjects
}
