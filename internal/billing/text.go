package billing

import "duly/internal/payment"

// The widths of the columns that a rule's words and a gateway's go into, in characters.
const (
	MaxText        = 255
	maxCode        = 64
	maxNetworkCode = 16
	MaxQuoted      = 40 // of a shop's value that a reason repeats
)

func cut(s string, n int) string { return payment.Cut(s, n) }
