package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A number is read as it is written: what another program takes for octal or hexadecimal is refused, not guessed.
func TestNumbersAreOfBaseTen(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "0100", "00", "010000", "0x10", "0b11", "0o17", "1_000", "+5", "5.0", "5e3", "1,000", " 5", "９"} {
		amount, number, id, ids := int64(7), 7, uint64(7), []uint64{7}
		require.Error(t, Amount{&amount}.Set(text), text)
		require.Error(t, Int{&number}.Set(text), text)
		require.Error(t, ID{&id}.Set(text), text)
		if text != "1,000" {
			require.Error(t, IDs{&ids}.Set(text+","), text)
		}
		require.Equal(t, int64(7), amount, text)
		require.Equal(t, 7, number, text)
	}
	for _, text := range []string{"0", "-1"} {
		amount, number, id := int64(7), 7, uint64(7)
		require.Error(t, Amount{&amount}.Set(text), text)
		require.Error(t, ID{&id}.Set(text), text)
		require.NoError(t, Int{&number}.Set(text), text)
		require.Equal(t, int64(7), amount, text)
	}
	amount, id := int64(0), uint64(0)
	require.Error(t, Amount{&amount}.Set("9223372036854775808"))
	require.Empty(t, Amount{&amount}.String(), "no default in the help")
	require.NoError(t, Amount{&amount}.Set("9223372036854775807"))
	require.NoError(t, ID{&id}.Set("18446744073709551615"))
	require.Equal(t, uint64(1<<64-1), id)
}
