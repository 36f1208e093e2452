package portone_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway"
	"duly/internal/gateway/portone"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret     = "portone-5ecret"
	billingKey = "billing-key-0123-private"
	// paymentID is "duly-" and 40 digits of the SHA-256 of the key sub_42_20260131-1.
	paymentID = "duly-9d3696edd77d55dffbbcc94f1b1dce1728129987"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func charge() payment.Charge {
	return payment.Charge{
		Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "customer-7", Method: billingKey, MethodType: "card",
		Description: "Tea of the month", Money: payment.Money{Amount: 12900, Currency: "KRW"}, BodyVersion: 1, RequestID: "run-1/sub_42_20260131-1",
	}
}

func configFor(url string) portone.Config {
	return portone.Config{
		Settings: provider.Settings{
			Name: "main", URL: url, Token: secret, Timeout: 5 * time.Second, ConnectTimeout: time.Second, KeyLife: 3 * time.Hour,
			LongestRequest: 10 * time.Minute, MaxConns: 4, Now: func() time.Time { return now },
		},
		StoreID: "store-1", ChannelKey: "channel-key-1", TestChannels: []string{"channel-key-window"},
	}
}

func open(t *testing.T, c portone.Config) *portone.Client {
	t.Helper()
	client, err := portone.New(c)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

const custom = `{"duly_key":"sub_42_20260131-1","duly_reference":"sub_42_20260131","duly_customer":"customer-7"}`

// record is a payment as PortOne shows it, with fields set otherwise or, if nil, left out.
func record(status string, change canned.Fields) string {
	fields := canned.Fields{
		"status": status, "id": paymentID, "transactionId": "tx-1", "merchantId": "m-1", "storeId": "store-1", "version": "V2",
		"channel":     map[string]any{"type": "LIVE", "key": "channel-key-1", "pgProvider": "TOSSPAYMENTS", "pgMerchantId": "pg-1"},
		"requestedAt": "2026-01-31T11:59:58Z", "updatedAt": "2026-01-31T12:00:00Z", "statusChangedAt": "2026-01-31T12:00:00Z",
		"orderName": "Tea of the month", "currency": "KRW", "customer": map[string]any{"id": "customer-7"}, "customData": custom,
		"amount": amounts(12900, 0),
	}
	if status == "PAID" {
		fields["paidAt"], fields["pgTxId"] = "2026-01-31T12:00:00Z", "pgtx-1"
	}
	return fields.With(change).JSON()
}

func amounts(total, cancelled int64) map[string]any {
	return map[string]any{"total": total, "taxFree": 0, "discount": 0, "paid": total, "cancelled": cancelled, "cancelledTaxFree": 0}
}

func failed(company, code string) string {
	return record("FAILED", map[string]any{
		"channel":  map[string]any{"type": "LIVE", "pgProvider": company, "pgMerchantId": "pg-1"},
		"failedAt": "2026-01-31T12:00:00Z", "failure": map[string]any{"reason": "failed", "pgCode": code, "pgMessage": "no"},
	})
}

func about(t *testing.T) context.Context {
	t.Helper()
	return gateway.WithCustomer(t.Context(), "customer-7")
}
