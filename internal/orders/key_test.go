package orders_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/orders"
)

func TestKeys(t *testing.T) {
	keyed, keyless, long, fits := row(1, "refund_due"), row(1, "refund_due"), row(1, "refund_due"), row(1, "refund_due")
	keyless.Key = ""
	fits.Key = strings.Repeat("k", 61)
	long.Key = strings.Repeat("k", 62)
	require.Equal(t, "ord_7", orders.Reference(7))
	require.Equal(t, "rf_ord_7-1", orders.RefundKey(keyed))
	require.Equal(t, "cx_ord_7-1", orders.CancelKey(keyed))
	require.Equal(t, "rf_pay_1", orders.RefundKey(keyless))
	require.Equal(t, "cx_pay_1", orders.CancelKey(keyless))
	require.Equal(t, "rf_"+fits.Key, orders.RefundKey(fits))
	// printf 'rf_kkk…' (62 k) | sha256sum
	require.Equal(t, "rf_5fda0c743dcd6e23d941fb540be5726741d703e79de277d2b580c5cecefa", orders.RefundKey(long))
	require.Len(t, orders.CancelKey(long), 63)
}

// Two payments never share a key, and no key is longer than what the gateways take.
func TestKeysProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := row(1, "refund_due"), row(2, "refund_due")
		a.Key = rapid.StringMatching(`[a-z0-9_-]{0,64}`).Draw(t, "a")
		b.Key = rapid.StringMatching(`[a-z0-9_-]{0,64}`).Draw(t, "b")
		for _, key := range []func(orders.Payment) string{orders.RefundKey, orders.CancelKey} {
			require.LessOrEqual(t, len(key(a)), 64)
			if a.Key != b.Key || a.Key == "" {
				require.NotEqual(t, key(a), key(b))
			}
		}
		require.NotEqual(t, orders.RefundKey(a), orders.CancelKey(a))
	})
}
