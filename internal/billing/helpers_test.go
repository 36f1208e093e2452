package billing_test

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
)

var update = flag.Bool("update", false, "write the golden files anew")

// none is the date that means no date, for tables.
const none = ""

// day reads a date of a table; "" is none. A slip of the pen gives a date that equals no other.
func day(s string) payment.Date {
	var d payment.Date
	if err := d.UnmarshalText([]byte(s)); err != nil {
		return math.MinInt32
	}
	return d
}

func monthly() billing.Interval { return billing.Interval{Unit: "month", Count: 1} }

// subscription is one with nothing wrong about it, due on 31 January 2026.
func subscription() billing.Subscription {
	return billing.Subscription{
		ID: 42, CustomerID: "cus_7", Status: billing.Active, Gateway: "main", Method: "pm_secret_1", MethodType: "card",
		Description: "Monthly box", Money: payment.Money{Amount: 12900, Currency: "KRW"},
		Interval: monthly(), AnchorDay: 31, Next: day("2026-01-31"),
	}
}

// invoice is the open one of subscription, not tried yet.
func invoice() billing.Invoice {
	return billing.Invoice{ID: 9, SubscriptionID: 42, Due: day("2026-01-31"), Money: payment.Money{Amount: 12900, Currency: "KRW"}}
}

// attempt is the first one on invoice.
func attempt() billing.Attempt {
	return billing.Attempt{
		ID: 5, No: 1, Gateway: "main", Invoice: invoice(), CreatedAt: noon,
		Charge: payment.Charge{
			Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "cus_7", Method: "pm_secret_1",
			Money: payment.Money{Amount: 12900, Currency: "KRW"}, BodyVersion: payment.BodyVersion,
		},
	}
}

// noon is the instant that settlements of tables happen at.
var noon = time.Date(2026, time.January, 31, 3, 0, 0, 0, time.UTC)

func policy() billing.Policy { return billing.Policy{RetryDays: []int{1, 3, 5}} }

// known knows the gateways "main" and "second".
func known(name string) bool { return name == "main" || name == "second" }

// answered is the answer to a request.
func answered(kind payment.Kind, class payment.Class) billing.Answer {
	o := payment.Outcome{Kind: kind, Reason: "because"}
	if kind == payment.Refused {
		o.Decline = payment.Decline{Class: class, Code: string(class) + "_code", Message: "the bank says no"}
	}
	return billing.Answer{Outcome: o}
}

func eventTypes(events []billing.Event) []string {
	types := []string{}
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}

// golden compares got with testdata/name, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "go test ./internal/billing -update writes it anew")
}

// draw takes a value from a rapid generator of a short list.
func draw[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}
