package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
)

// A payment that two rows have is a finding about each row but the one that it is booked for, or else the first.
func TestBookedRows(t *testing.T) {
	at := func(table audit.Table, id uint64, gateway, payment string, standing audit.Standing) audit.Ours {
		return row(id, func(o *audit.Ours) {
			o.Row.Table, o.Gateway, o.GatewayID, o.Standing = table, gateway, payment, standing
		})
	}
	rows := []audit.Ours{
		at(audit.Attempts, 1, "main", "pay_1", audit.Paid), at(audit.Attempts, 2, "main", "pay_2", audit.Paid), at(audit.Attempts, 3, "main", "pay_3", audit.Paid),
		at(audit.Payments, 1, "main", "PAY_1", audit.Paid), at(audit.Payments, 2, "other", "pay_1", audit.Paid), at(audit.Payments, 3, "main", "pay_1", audit.Refunded),
		at(audit.Payments, 4, "main", "pay_2", audit.Paid), at(audit.Payments, 5, "main", "", audit.Paid), at(audit.Payments, 6, "main", "", audit.Paid),
	}
	booked := []audit.Holder{
		{Row: audit.Row{Table: audit.Payments, ID: 4}, Gateway: "main", ID: "pay_2"},
		{Row: audit.Row{Table: audit.Payments, ID: 90}, Gateway: "main", ID: "pay_3"},
		{Row: audit.Row{Table: audit.Payments, ID: 91}, Gateway: "other", ID: "pay_2"},
	}
	var texts []string
	for _, f := range audit.BookedRows(rows, booked) {
		require.Equal(t, audit.BookedTwice, f.Kind)
		texts = append(texts, f.Detail.Row+": "+f.Detail.Text)
	}
	require.Equal(t, []string{
		"attempt:2: pay_2 is booked for payment 4 too", "attempt:3: pay_3 is booked for payment 90 too", "payment:1: PAY_1 is booked for attempt 1 too",
	}, texts)
	_, found := audit.Doubled([]audit.Ours{rows[0], rows[3]})
	require.False(t, found, "one payment in two rows is not two payments")
	_, found = audit.Doubled([]audit.Ours{rows[0], rows[1]})
	require.True(t, found)
}
