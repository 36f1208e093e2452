package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
)

func TestParseKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.SampledFrom([]string{"", "eu-", "sub_"}).Draw(t, "prefix")
		is := billing.ChargeID{
			Subscription: rapid.Uint64Min(1).Draw(t, "subscription"),
			Due:          payment.Date(rapid.Int32Range(1, 2_000_000).Draw(t, "due")),
			N:            rapid.IntRange(1, 1_000_000).Draw(t, "n"),
		}
		got, ok := billing.ParseKey(prefix, prefix+billing.Key(is.Subscription, is.Due, is.N))
		require.True(t, ok)
		require.Equal(t, is, got)
	})
	for _, key := range []string{
		"", "sub_", "ord_7", "sub_42_20260131", "sub_42_20260131-", "sub_42_20260131-0", "sub_42_20260131-01", "sub_042_20260131-1",
		"sub_0_20260131-1", "sub_42_20260231-1", "sub_42_20260131-1-1", "sub_42_20260131--1", "sub_42_2026131-1", "eu-sub_42_20260131-1",
		" sub_42_20260131-1", "sub_42_20260131-1 ", "sub_42_20260131-+1", "sub_99999999999999999999_20260131-1", "pol_sub_42_20260131-1",
	} {
		_, ok := billing.ParseKey("", key)
		require.False(t, ok, key)
	}
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`sub_[+-]?[0-9]{1,20}_[+ -]?[0-9]{7,9}-[+-]?[0-9]{1,4}`).Draw(t, "key")
		if is, ok := billing.ParseKey("", key); ok {
			require.Equal(t, key, billing.Key(is.Subscription, is.Due, is.N), "it is read as it is written, or not at all")
		}
	})
	_, ok := billing.ParseKey("eu-", "sub_42_20260131-1")
	require.False(t, ok, "a key without the prefix is not ours")
}

// A key that another installation made has another prefix; what nobody's duly makes belongs to nobody.
func TestForeignKey(t *testing.T) {
	for _, c := range []struct {
		prefix, key string
		want        bool
	}{
		{"", "sub_7_20260131-1", false},
		{"", "b-sub_7_20260131-1", true},
		{"b-", "b-sub_7_20260131-1", false},
		{"b-", "sub_7_20260131-1", true},
		{"b-", "a-sub_7_20260131-1", true},
		{"b-", "ab-sub_7_20260131-1", true},
		{"", "by-hand", false},
		{"", "b-sub_7_20260131", false},
		{"", "b-sub_7_20260231-1", false},
		{"b-", "ord_7-1", false},
		{"", "", false},
	} {
		require.Equal(t, c.want, billing.ForeignKey(c.prefix, c.key), "%q %q", c.prefix, c.key)
	}
}
