package orders_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/orders"
	"duly/internal/payment"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noon is the instant that decisions of tables are made at.
func noon() time.Time { return time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC) }

func won(n int64) payment.Money { return payment.Money{Amount: n, Currency: "KRW"} }

// lasting keeps keys for a day, and answers for as long as a payment exists.
func lasting() orders.Guarantees {
	return orders.Guarantees{Known: true, KeyLife: 24 * time.Hour, Longest: 2 * time.Minute, FindByKey: true, LookupOutlivesKey: true}
}

func policy() orders.Policy {
	return orders.Policy{OlderThan: 10 * time.Minute, GiveUpAfter: 48 * time.Hour}
}

// order is one that nothing is wrong with, begun three days ago.
func order(status orders.OrderStatus) orders.Order {
	return orders.Order{
		ID: 7, CustomerID: "cus_7", Status: status, Money: won(12900), Items: []orders.Item{{ProductID: 3, Quantity: 2}},
		CreatedAt: noon().Add(-72 * time.Hour), UpdatedAt: noon().Add(-72 * time.Hour),
	}
}

// row is a payment of order, an hour old.
func row(id uint64, status orders.PaymentStatus) orders.Payment {
	return orders.Payment{
		ID: id, OrderID: 7, Gateway: "main", Key: "ord_7-" + string(rune('0'+id)), Status: status, Money: won(12900),
		CreatedAt: noon().Add(-time.Hour), UpdatedAt: noon().Add(-time.Hour),
	}
}

// record is the gateway's record of p's charge.
func record(p orders.Payment, status payment.Status) *payment.Payment {
	return &payment.Payment{
		ID: "pay_" + string(rune('0'+p.ID)), Status: status, Key: p.Key, Reference: "ord_7", CustomerID: "cus_7", Money: won(12900),
	}
}

// borneOut is what controls say that pass on both sides.
func borneOut() payment.Vetting {
	return payment.Vetting{Earlier: payment.ControlPassed, Later: payment.ControlPassed}
}

// checked is p with what its gateway said, which controls bear out.
func checked(p orders.Payment, sight payment.LookupResult) orders.Checked {
	return orders.Checked{Payment: p, Guarantees: lasting(), Asked: true, Sight: sight, Vetting: borneOut()}
}

// found is p with its record in that status.
func found(p orders.Payment, status payment.Status, change ...func(*payment.Payment)) orders.Checked {
	r := record(p, status)
	for _, c := range change {
		c(r)
	}
	return checked(p, payment.LookupResult{Payment: r})
}

func eventTypes(events []payment.Event) []string {
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
	require.Equal(t, string(want), got, "go test ./internal/orders -update writes it anew")
}

// draw takes a value from a rapid generator of a short list.
func draw[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}
