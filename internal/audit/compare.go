package audit

import (
	"fmt"
	"slices"
	"strings"

	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/sum"
)

// kept reports whether the gateway took the money and has some of it still. A record whose amounts cannot be shows no refund. One of
// nothing, such as of a card that was only verified, took none.
func kept(p payment.Payment) bool {
	return p.Status == payment.Succeeded && !p.RefundedInFull() && (p.Money.Amount != 0 || p.Refunded != 0)
}

// mayKeep reports whether the gateway has the money, or may yet get it.
func mayKeep(p payment.Payment) bool { return kept(p) || p.Status == payment.Pending }

// Compare finds the difference between a row of ours and its gateway's record p, if there is one. Of a row that
// is not settled nothing is found: nobody says yet that it is right.
func Compare(o Ours, p payment.Payment) (Finding, bool) {
	if o.GatewayID != "" && o.GatewayID != p.ID {
		return compareTwin(o, p)
	}
	switch o.Standing {
	case Paid:
		if f, differs := comparePaid(o, p); differs {
			return f, true
		}
		return compareIdentity(o, p)
	case Refunded:
		if f, differs := compareRefunded(o, p); differs {
			return f, true
		}
		return compareIdentity(o, p)
	case NotPaid:
		if mayKeep(p) {
			return both(StatusDiffers, o, p, fmt.Sprintf("%s here, %s there", o.Status, p.Status)), true
		}
	case Unsettled, InReview:
	}
	return Finding{}, false
}

// compareTwin compares o with another payment that was made under its key.
func compareTwin(o Ours, p payment.Payment) (Finding, bool) {
	settled := o.Standing == Paid || o.Standing == NotPaid || o.Standing == Refunded
	switch {
	case !settled || !mayKeep(p):
		return Finding{}, false
	case o.Kept() && kept(p):
		return Twice(o, p), true
	}
	return both(StatusDiffers, o, p, fmt.Sprintf("%s here as %s, %s there", o.Status, o.GatewayID, p.Status)), true
}

// Twice is the finding that p took money for what o was paid already.
func Twice(o Ours, p payment.Payment) Finding {
	return both(ChargedTwice, o, p, "second charge under a paid reference")
}

func comparePaid(o Ours, p payment.Payment) (Finding, bool) {
	switch {
	case p.Status != payment.Succeeded:
		return both(StatusDiffers, o, p, "paid here, "+string(p.Status)+" there"), true
	case p.RefundedInFull() && o.Refunded < o.Money.Amount:
		return both(StatusDiffers, o, p, "paid here, refunded there"), true
	}
	return compareAmounts(o, p, o.Refunded)
}

func compareRefunded(o Ours, p payment.Payment) (Finding, bool) {
	given := o.Refunded
	if given == 0 { // a shop that keeps no account of it
		given = o.Money.Amount
	}
	switch {
	case p.Status == payment.Canceled && p.Impossible() == "": // nothing was kept either way
		return Finding{}, false
	case p.Status != payment.Succeeded:
		return both(StatusDiffers, o, p, "refunded here, "+string(p.Status)+" there"), true
	case p.Refunded == 0:
		return both(StatusDiffers, o, p, "refunded here, not there"), true
	}
	return compareAmounts(o, p, given)
}

func compareAmounts(o Ours, p payment.Payment, refunded int64) (Finding, bool) {
	switch why := p.Impossible(); {
	case why != "":
		return both(AmountDiffers, o, p, fmt.Sprintf("%s here, the gateway shows %s", o.Money, why)), true
	case p.Money != o.Money:
		return both(AmountDiffers, o, p, fmt.Sprintf("%s here, %s there", o.Money, p.Money)), true
	case p.Refunded != refunded:
		return both(AmountDiffers, o, p, fmt.Sprintf("%s refunded here, %s there",
			payment.Money{Amount: refunded, Currency: o.Money.Currency}, payment.Money{Amount: p.Refunded, Currency: p.Money.Currency})), true
	}
	return Finding{}, false
}

// Absent is what follows if the gateway knows no such payment as o: a finding only for money that we say we
// have or had.
func Absent(o Ours) (Finding, bool) {
	if o.Standing != Paid && o.Standing != Refunded {
		return Finding{}, false
	}
	return here(UnknownThere, o, o.Status+" here, unknown there"), true
}

// Unknown is what follows if no row of ours knows of p: a finding only for money that was kept or may yet be.
// paid are the payments of ours that took and kept money under p's reference.
func Unknown(gateway string, p payment.Payment, paid []Ours) (Finding, bool) {
	switch {
	case !mayKeep(p), slices.ContainsFunc(paid, func(o Ours) bool { return o.has(gateway, p.ID) }):
		return Finding{}, false
	case kept(p) && len(paid) > 0:
		f := there(ChargedTwice, gateway, p, "second charge under a paid reference, and unknown here")
		f.Detail.Row = paid[0].Row.String()
		return f, true
	}
	return there(UnknownHere, gateway, p, string(p.Status)+" there, unknown here"), true
}

// Unsettle is what follows if o's order is as it is: a finding if its money is kept for nothing.
func Unsettle(o Ours) (Finding, bool) {
	if o.Row.Table != Payments || !o.Kept() || o.Order.Scheduled || o.Order.Frozen {
		return Finding{}, false
	}
	switch o.Order.Status {
	case orders.OrderPending, orders.OrderInProgress, orders.OrderFailed, orders.OrderCancelled:
		return here(OrderUnsettled, o, fmt.Sprintf("paid, and the order is %s", o.Order.Status)), true
	case "":
		return here(OrderUnsettled, o, "paid, and there is no such order"), true
	case orders.OrderCompleted:
	default: // the shop's own: it was completed and went on
	}
	return Finding{}, false
}

// Doubled is what follows from all the payments of one reference that took money: a finding if they kept more
// than once, or more than the order's amount, so that an order that was paid in parts is none. Rows that stand for one
// payment count once: that they are two is a finding of its own.
func Doubled(all []Ours) (Finding, bool) {
	var counted []Ours
	var paid int64
	for _, o := range all {
		if !o.Kept() || slices.ContainsFunc(counted, o.samePayment) {
			continue
		}
		counted = append(counted, o)
		paid = sum.Add(paid, o.Money.Amount-o.Refunded)
	}
	if len(counted) < 2 {
		return Finding{}, false
	}
	first := counted[0]
	if first.Row.Table == Payments && first.Order.Status != "" && paid <= first.Order.Amount {
		return Finding{}, false
	}
	f := Finding{Kind: ChargedTwice, Reference: first.Reference}
	f.Detail = Detail{
		Text:    fmt.Sprintf("%d payments are kept under one reference", len(counted)),
		Gateway: first.Gateway, Row: first.Row.String(), AmountHere: paid, CurrencyHere: first.Money.Currency,
	}
	return f, true
}

// samePayment reports whether two rows name one payment of a gateway. The shop may have spelled its id in another letter case.
func (o Ours) samePayment(other Ours) bool {
	return o.Gateway == other.Gateway && o.GatewayID != "" && strings.EqualFold(o.GatewayID, other.GatewayID)
}

// has reports whether o is the row of that payment of a gateway.
func (o Ours) has(gateway, id string) bool {
	return o.samePayment(Ours{Gateway: gateway, GatewayID: id})
}

// Holder is a row that a payment is booked for.
type Holder struct {
	Row     Row
	Gateway string
	ID      string // the gateway's id of the payment
}

// BookedRows finds the rows, of all that are paid, whose payment is another's: the one that it is booked for, else the first of
// them. Rows are attempts before payments, each by id.
func BookedRows(rows []Ours, booked []Holder) []Finding {
	var found []Finding
	for _, o := range rows {
		if o.Standing != Paid || o.GatewayID == "" {
			continue
		}
		holder := o.Row
		at := slices.IndexFunc(rows, func(other Ours) bool { return other.Standing == Paid && o.samePayment(other) })
		if at >= 0 {
			holder = rows[at].Row
		}
		if at := slices.IndexFunc(booked, func(h Holder) bool { return h.Gateway == o.Gateway && h.ID == o.GatewayID }); at >= 0 {
			holder = booked[at].Row
		}
		if holder != o.Row {
			found = append(found, here(BookedTwice, o, fmt.Sprintf("%s is booked for %s too", o.GatewayID, strings.Replace(holder.String(), ":", " ", 1))))
		}
	}
	return found
}
