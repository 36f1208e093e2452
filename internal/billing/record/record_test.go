package record_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing/record"
	"duly/internal/payment"
	"duly/internal/test/golden"
)

func charge(change func(*payment.Payment)) payment.Payment {
	p := payment.Payment{
		ID: "pay_1", Status: payment.Succeeded, Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "cus_1",
		Money: payment.Money{Amount: 1299, Currency: "USD"}, CreatedAt: time.Date(2026, 1, 31, 3, 4, 5, 600, time.UTC),
	}
	change(&p)
	return p
}

// TestRecordsGolden pins the documents in unknown_charges.record: other versions read them.
func TestRecordsGolden(t *testing.T) {
	var text strings.Builder
	for _, p := range []payment.Payment{
		charge(func(*payment.Payment) {}),
		charge(func(p *payment.Payment) { p.Refunded = 299 }),
		charge(func(p *payment.Payment) { p.Status, p.CreatedAt = payment.Pending, time.Time{} }),
		charge(func(p *payment.Payment) {
			p.Status = payment.Declined
			p.Decline = payment.Decline{Class: payment.Soft, Code: "insufficient_funds", NetworkCode: "51", AdviceCode: "02"}
		}),
		charge(func(p *payment.Payment) { p.Status, p.Decline.Code = payment.Declined, "processing_error" }),
		charge(func(p *payment.Payment) { p.Status = payment.Canceled }),
		charge(func(p *payment.Payment) { p.GatewayCustomer = "cus_1" }),
		charge(func(p *payment.Payment) { p.CustomerID, p.CustomerUnknown = "", true }),
	} {
		document, err := record.Encode(p)
		require.NoError(t, err)
		fmt.Fprintln(&text, string(document))
		back, err := record.Decode(document)
		require.NoError(t, err)
		require.Equal(t, p, back)
	}
	golden.Equal(t, "record.golden", text.String())
}

func TestRecordsRepeatNothingForPeople(t *testing.T) {
	document, err := record.Encode(charge(func(p *payment.Payment) {
		p.Status, p.Decline = payment.Declined, payment.Decline{Code: "x", Message: "pm_secret was refused"}
	}))
	require.NoError(t, err)
	require.NotContains(t, string(document), "pm_secret")
}

func TestRecordsThatNobodyCanRead(t *testing.T) {
	_, err := record.Encode(charge(func(p *payment.Payment) { p.Status = "refunded" }))
	require.ErrorContains(t, err, `unknown status "refunded"`)
	for _, document := range []string{
		`{`, `{}`, `[]`, `{"id":"pay_1"}`, `{"id":"pay_1","status":1}`, `{"id":"pay_1","status":"refunded"}`, `{"status":"succeeded"}`,
	} {
		_, err := record.Decode([]byte(document))
		require.Error(t, err, document)
	}
}
