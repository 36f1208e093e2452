package payment_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
)

// A record that names another customer of the gateway than the charge was sent for is somebody else's. Where either names none nothing is
// compared: most gateways show none, and most shops need none.
func TestTheGatewayCustomerIsCompared(t *testing.T) {
	charge := payment.Charge{Key: "k", Reference: "r", CustomerID: "c", Money: payment.Money{Amount: 100, Currency: "KRW"}}
	record := payment.Payment{ID: "pay_1", Status: payment.Succeeded, Key: "k", Reference: "r", CustomerID: "c", Money: charge.Money}
	for _, tc := range []struct {
		sent, shown string
		ours        bool
	}{{"", "", true}, {"", "cus_1", true}, {"cus_1", "", true}, {"cus_1", "cus_1", true}, {"cus_1", "cus_2", false}, {"cus_1", "CUS_1", false}} {
		charge.GatewayCustomer, record.GatewayCustomer = tc.sent, tc.shown
		require.Equal(t, tc.ours, charge.Proven(record), tc)
		outcome := payment.Judge(charge, record)
		if tc.ours {
			require.Equal(t, payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}, outcome, tc)
			require.Empty(t, charge.Mismatch(record), tc)
			continue
		}
		require.Equal(t, payment.Outcome{Kind: payment.Differs, Reason: "gateway_customer is not ours: payment pay_1"}, outcome, tc)
		require.Equal(t, "gateway_customer", charge.Mismatch(record), tc)
	}
}

func TestBodyVersions(t *testing.T) {
	require.Equal(t, 1, payment.BodyVersion(""))
	require.Equal(t, 2, payment.BodyVersion("cus_1"))
}
