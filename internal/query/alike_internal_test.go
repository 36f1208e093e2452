package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReasonsOfOneKindAreOneLine(t *testing.T) {
	require.Equal(t, Causes{Reasons: []Reason{
		{"in review", "gateway booked … EUR, invoice is … EUR: payment …", 3},
		{"in doubt", "503 maintenance", 2},
		{"in doubt", "500 maintenance", 1},
		{"declined", "no_money", 9},
	}}, alike([]Reason{
		{"in doubt", "503 maintenance", 2},
		{"in doubt", "500 maintenance", 1},
		{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR: payment pay_1", 1},
		{"in review", "gateway booked 10.00 EUR, invoice is 9.98 EUR: payment pay_2", 1},
		{"in review", "gateway booked 10.10 EUR, invoice is 9.98 EUR: payment pay_3", 1},
		{"declined", "no_money", 9},
	}, 10))
	require.Equal(t, Causes{Reasons: []Reason{{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR: payment …, which …", 2}}}, alike([]Reason{
		{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR: payment pay_1, which x1", 1},
		{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR: payment pay_2, which x2", 1},
	}, 1), "what they have in common stays")
	require.Equal(t, Causes{Reasons: []Reason{}}, alike(nil, 3))
}

// What most rows have word by word holds no id, and is not hidden behind the few that differ.
func TestWhatMostRowsHaveStays(t *testing.T) {
	require.Equal(t, Causes{Reasons: []Reason{
		{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR", 248},
		{"in review", "gateway booked … EUR, invoice is … EUR", 5},
		{"in doubt", "timed out after …", 2},
	}, More: 1}, alike([]Reason{
		{"in review", "gateway booked 10.00 EUR, invoice is 9.99 EUR", 248},
		{"in review", "gateway booked 1.00 EUR, invoice is 2.00 EUR", 3},
		{"in review", "gateway booked 3.00 EUR, invoice is 4.00 EUR", 2},
		{"in doubt", "timed out after 30s", 1},
		{"in doubt", "timed out after 10s", 1},
		{"declined", "lost_card", 7},
	}, 3))
	require.Equal(t, []string{"248 × in review: x", "and 1 other"}, Causes{Reasons: []Reason{{"in review", "x", 248}}, More: 1}.Lines())
	require.Equal(t, []string{"and 12 others"}, Causes{More: 12}.Lines())
}

// Why a gateway was not asked again is no cause of its own.
func TestCauseIsTheLastWordOfTheGateway(t *testing.T) {
	require.Equal(t, "certificate not trusted", cause("in doubt", "certificate not trusted; gateway down for 10m: certificate not trusted"))
	require.Equal(t, "timed out after 30s", cause("released", "timed out after 30s; stopped"))
	require.Equal(t, "a; b", cause("in review", "a; b"))
}
