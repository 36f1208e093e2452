package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/payment"
)

// What is said of an invoice is not said of a finding, of whatever kind.
func TestWordsOfAnInvoiceAreNotAFindings(t *testing.T) {
	for _, as := range payment.Resolutions() {
		if !as.OfInvoice() {
			require.NoError(t, audit.Takes(3, as))
			continue
		}
		require.ErrorContains(t, audit.Takes(3, as), "finding 3 is a difference, not an invoice")
		for _, kind := range audit.Kinds() {
			f := audit.Finding{Kind: kind, GatewayPaymentID: "pay_1"}
			e := audit.Evidence{Sights: []payment.LookupResult{{Payment: &payment.Payment{ID: "pay_1", Status: payment.Succeeded}}}}
			require.Error(t, audit.Resolve(f, as, e), kind)
		}
	}
}
