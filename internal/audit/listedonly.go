package audit

import "duly/internal/payment"

// listedOnly adds to a finding that the gateway lists its payment, and did not know it when it was asked for w.
func (f *Finding) listedOnly(w payment.Ref) {
	by := "id"
	if w.ID == "" {
		by = "key"
	}
	f.Detail.ListedOnly = true
	f.Detail.Text += "; it is listed, but the gateway does not know it by its " + by
}

// unconfirmed reports whether f tells of money that nothing but a list shows. There may be no such payment, so that an operator's word
// closes the finding while the gateway does not know it; and nobody can give it back. If the payment beside it is not there either, what
// is listed may be all that was paid.
func (f Finding) unconfirmed() bool {
	return f.Detail.ListedOnly && (f.Kind == UnknownHere || f.Kind == ChargedTwice) && f.Detail.Kept != keptMissing
}
