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

// A gateway that keeps no customers of the shop's proves a payment by what it keeps. One that keeps them, and shows none or another, shows
// somebody else's.
func TestACustomerThatTheGatewayDoesNotKeepIsNotCompared(t *testing.T) {
	charge := payment.Charge{Key: "k", Reference: "r", CustomerID: "c", Money: payment.Money{Amount: 100, Currency: "KRW"}}
	record := payment.Payment{ID: "pay_1", Status: payment.Succeeded, Key: "k", Reference: "r", Money: charge.Money}
	control := payment.Control{PaymentID: "pay_1", Key: "k", Reference: "r", CustomerID: "c", Money: charge.Money}
	for _, tc := range []struct {
		customer string
		unknown  bool
		ours     bool
	}{{"c", false, true}, {"", false, false}, {"d", false, false}, {"", true, true}} {
		record.CustomerID, record.CustomerUnknown = tc.customer, tc.unknown
		require.Equal(t, tc.ours, record.IsOf("c"), tc)
		require.Equal(t, tc.ours, charge.Proven(record), tc)
		require.Equal(t, tc.ours, charge.Mismatch(record) == "", tc)
		require.Equal(t, tc.ours, payment.Judge(charge, record).Kind == payment.Paid, tc)
		require.Equal(t, tc.ours, control.Shown(record), tc)
		other := record
		other.Reference = "s"
		require.False(t, charge.Proven(other), "the rest is compared: %v", tc)
	}
}

// What was made through a test channel that is none of ours took no money: it is not ours, whatever else its record shows, and proves no refund.
func TestAnotherChannelsPaymentIsNotOurs(t *testing.T) {
	charge := payment.Charge{Key: "k", Reference: "r", CustomerID: "c", Money: payment.Money{Amount: 100, Currency: "KRW"}}
	record := payment.Payment{ID: "pay_1", Status: payment.Succeeded, Key: "k", Reference: "r", CustomerID: "c", Money: charge.Money, Refunded: 100}
	evidence := payment.Evidence{ByKey: payment.LookupResult{Payment: &record}, Gateway: "main"}
	given, _, _ := evidence.Given(charge, "")
	require.NotNil(t, given)
	require.True(t, charge.Proven(record))

	record.ForeignChannel = "channel-key-2"
	require.False(t, charge.Proven(record))
	require.Equal(t, "test channel channel-key-2", charge.Mismatch(record))
	require.Equal(t, payment.Outcome{Kind: payment.Differs, Reason: "test channel channel-key-2 is not ours: payment pay_1"}, payment.Judge(charge, record))
	given, unknown, why := evidence.Given(charge, "")
	require.Nil(t, given)
	require.False(t, unknown)
	require.Contains(t, why, "payment pay_1 is of test channel channel-key-2, which is not ours")
}
