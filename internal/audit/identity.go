package audit

import (
	"strings"

	"duly/internal/payment"
)

// longestValue is how much of a gateway's value a finding repeats, in characters.
const longestValue = 80

// compareIdentity finds a record that is another charge's although it has the id or the key of o: its key, reference or customer is not
// ours. What a row does not say is not compared, and nothing is where an operator booked the payment, whatever it was made as.
func compareIdentity(o Ours, p payment.Payment) (Finding, bool) {
	if o.ByHand {
		return Finding{}, false
	}
	var differs []string
	if p.CustomerUnknown {
		o.CustomerID = ""
	}
	for _, field := range []struct{ name, here, there string }{
		{"idempotency_key", o.Key, p.Key},
		{"reference", o.Reference, p.Reference},
		{"customer_id", o.CustomerID, p.CustomerID},
	} {
		if field.here != "" && field.here != field.there {
			differs = append(differs, field.name+" "+value(field.here)+" here, "+value(field.there)+" there")
		}
	}
	if len(differs) == 0 {
		return Finding{}, false
	}
	return both(StatusDiffers, o, p, "the payment has another identity: "+strings.Join(differs, "; ")), true
}

// value is a field's value for people.
func value(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "none"
	}
	return payment.Cut(s, longestValue)
}
