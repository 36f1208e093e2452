package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMeant(t *testing.T) {
	t.Parallel()
	names := []string{"reconcile", "billing", "outbox", "report", "audit", "prune", "nightly"}
	for typed, want := range map[string]string{
		"biling": "billing", "billling": "billing", "bililng": "billing", "BILLING": "billing", "auidt": "audit", "outbx": "outbox", "rec": "reconcile",
		"night": "nightly", "fly": "", "x": "", "": "", "payments": "",
	} {
		require.Equal(t, want, Meant(typed, names), typed)
	}
	require.Empty(t, Meant("retry-9", []string{"retry-1", "retry-2"}), "another number is no slip")
}

func TestTypos(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"run", "run", 0}, {"run", "urn", 1}, {"biling", "billing", 1}, {"stats", "status", 1}, {"부산", "부신", 1}} {
		require.Equal(t, c.want, typos(c.a, c.b), "%s %s", c.a, c.b)
		require.Equal(t, c.want, typos(c.b, c.a), "%s %s", c.b, c.a)
	}
}
