package audit

import (
	"fmt"
	"strings"

	"duly/internal/payment"
)

// What is known of the payment that a row keeps, beside a second one under its reference, as Detail.Kept says it. The empty
// text is that the gateway has it.
const (
	keptMissing   = "missing"   // the gateway says that it has not
	keptUnchecked = "unchecked" // the gateway cannot be asked
)

// Beside adds to a finding of two payments whether the gateways have those that rows keep: before the second one is refunded it
// must be certain that it is not the only real one. sights are what the gateways say of the payments of rows, in their order.
// It reports false if that could not be found out now.
func (f Finding) Beside(rows []Ours, sights []payment.LookupResult) (Finding, bool) {
	var missing, unchecked []string
	shown, want := 0, 1
	if f.GatewayPaymentID == "" { // none of the two is the second one
		want = 2
	}
	silent := false
	for i, o := range rows {
		seen := sights[i]
		switch p := seen.Payment; {
		case p != nil && kept(*p) && p.ID != f.GatewayPaymentID && (o.GatewayID == "" || strings.EqualFold(o.GatewayID, p.ID)):
			if shown++; want == 1 {
				f.Detail.Row = o.Row.String()
			}
		case p != nil:
			missing = append(missing, fmt.Sprintf("%s, which %s keeps, is %s there", name(o), o.Row.words(), became(*p, f.GatewayPaymentID)))
		case seen.Absent:
			missing = append(missing, fmt.Sprintf("%s, which %s keeps, is unknown to gateway %s", name(o), o.Row.words(), o.Gateway))
		case seen.Unaskable:
			unchecked = append(unchecked, fmt.Sprintf("gateway %s cannot be asked for %s, which %s keeps", o.Gateway, name(o), o.Row.words()))
		default:
			silent = true
		}
	}
	switch {
	case shown >= want:
	case silent:
		return f, false
	case len(missing) > 0:
		f.Detail.Kept = keptMissing
		f.Detail.Text += ", but " + strings.Join(append(missing, unchecked...), ", and ")
	default:
		f.Detail.Kept = keptUnchecked
		f.Detail.Text += "; " + strings.Join(unchecked, ", and ")
	}
	return f, true
}

// name is what people call the payment of a row.
func name(o Ours) string {
	if o.GatewayID != "" {
		return "payment " + o.GatewayID
	}
	return "the payment under key " + o.Key
}

// became says what a record is that is not the kept payment of a row.
func became(p payment.Payment, second string) string {
	switch {
	case p.ID == second:
		return "the second one"
	case p.Status == payment.Succeeded && p.Refunded > 0:
		return "refunded"
	case p.Status == payment.Succeeded:
		return p.ID
	}
	return string(p.Status)
}
