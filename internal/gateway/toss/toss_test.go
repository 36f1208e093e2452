package toss_test

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/toss"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret      = "test_sk_5ecret"
	billingKey  = "billing-key/0123=private"
	customerKey = "customer-key-private"
	paymentKey  = "tgen_20260131"
	key         = "sub_42_20260131-1"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func charge() payment.Charge {
	return payment.Charge{
		Key: key, Reference: "sub_42_20260131", CustomerID: "customer-7", Method: billingKey, GatewayCustomer: customerKey, MethodType: "card",
		Description: "Tea of the month", Money: payment.Money{Amount: 12900, Currency: "KRW"}, BodyVersion: 2, RequestID: "run-1/" + key,
	}
}

func configFor(url string) toss.Config {
	return toss.Config{Settings: provider.Settings{
		Name: "main", URL: url, Token: secret, Timeout: 5 * time.Second, ConnectTimeout: time.Second, KeyLife: 336 * time.Hour,
		LongestRequest: 10 * time.Minute, MaxConns: 4, Now: func() time.Time { return now },
	}}
}

func open(t *testing.T, c toss.Config) *toss.Client {
	t.Helper()
	client, err := toss.New(c)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// record is a payment as Toss shows it, with fields set otherwise or, if nil, left out.
func record(status string, change canned.Fields) string {
	fields := canned.Fields{
		"version": "2022-11-16", "mId": "tosspayments", "type": "BILLING", "paymentKey": paymentKey, "orderId": key, "orderName": "Tea of the month",
		"currency": "KRW", "method": "카드", "totalAmount": 12900, "balanceAmount": 12900, "status": status,
		"requestedAt": "2026-01-31T20:59:58+09:00", "approvedAt": "2026-01-31T21:00:00+09:00", "lastTransactionKey": "tx-1",
		"cancels": nil, "failure": nil, "isPartialCancelable": true,
	}
	return fields.With(change).JSON()
}

func failed(code string) string {
	return record("ABORTED", map[string]any{"approvedAt": nil, "failure": map[string]any{"code": code, "message": "no"}})
}

func about(t *testing.T) context.Context {
	t.Helper()
	return gateway.WithCustomer(t.Context(), "customer-7")
}

func basic() string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(secret+":")) }
