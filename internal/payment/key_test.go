package payment_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
)

func TestShortKey(t *testing.T) {
	fits := "rf_" + strings.Repeat("k", 61)
	require.Equal(t, fits, payment.ShortKey("rf_", fits), "64 bytes fit")
	require.Equal(t, "", payment.ShortKey("rf_", ""))

	long := fits + "k"
	// printf 'rf_kkk…' (62 k) | sha256sum
	require.Equal(t, "rf_5fda0c743dcd6e23d941fb540be5726741d703e79de277d2b580c5cecefa", payment.ShortKey("rf_", long))
	require.NotEqual(t, payment.ShortKey("rf_", long), payment.ShortKey("rf_", long+"k"))
	require.NotEqual(t, payment.ShortKey("rf_", long), payment.ShortKey("cx_", long))
	require.Len(t, payment.ShortKey("sub_", long), 64)
}
