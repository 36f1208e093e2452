package readers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReasonsOfOneKindAreOneLine(t *testing.T) {
	require.Equal(t, []Reason{
		{"in review", "gateway booked … EUR, invoice is … EUR: payment …", 3},
		{"in doubt", "503 maintenance", 2},
		{"in doubt", "500 maintenance", 1},
		{"declined", "no_money", 9},
	}, alike([]Reason{
		{"in doubt", "503 maintenance", 2},
		{"in doubt", "500 maintenance", 1},
		{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR: payment pay_1", 1},
		{"in review", "gateway booked 10.00 EUR, invoice is 9.98 EUR: payment pay_2", 1},
		{"in review", "gateway booked 10.10 EUR, invoice is 9.98 EUR: payment pay_3", 1},
		{"declined", "no_money", 9},
	}, 10))
	require.Equal(t, []Reason{{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR: payment …, which …", 2}}, alike([]Reason{
		{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR: payment pay_1, which x1", 1},
		{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR: payment pay_2, which x2", 1},
	}, 1), "what they have in common stays")
	require.Empty(t, alike(nil, 3))
}
