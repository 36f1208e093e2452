package payment

import (
	"regexp"
	"strings"
)

// The references of duly's own charges.
var (
	orderReference   = regexp.MustCompile(`^ord_([0-9]+)$`)
	invoiceReference = regexp.MustCompile(`^sub_([0-9]+)_([0-9]{4})([0-9]{2})([0-9]{2})$`)
)

// OtherSubject says for people what a charge with this reference is for, if it is for an order or an invoice other than the
// one that own refers to; else it is empty. A payment that was made by hand has a reference of any form.
func OtherSubject(reference, own string) string {
	if reference == own {
		return ""
	}
	if m := orderReference.FindStringSubmatch(reference); m != nil {
		return "order " + m[1]
	}
	if m := invoiceReference.FindStringSubmatch(reference); m != nil {
		return "subscription " + m[1] + ", due " + strings.Join(m[2:], "-")
	}
	return ""
}
