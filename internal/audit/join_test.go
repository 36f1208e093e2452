package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/audit"
	"duly/internal/payment"
)

// Met is a set.
func TestMet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var met audit.Met
		want := map[audit.Row]bool{}
		row := rapid.Custom(func(t *rapid.T) audit.Row {
			return audit.Row{
				Table: rapid.SampledFrom([]audit.Table{audit.Attempts, audit.Payments}).Draw(t, "table"),
				ID:    rapid.OneOf(rapid.Uint64Range(0, 200), rapid.Uint64Range(4090, 4200), rapid.Uint64()).Draw(t, "id"),
			}
		})
		for _, r := range rapid.SliceOf(row).Draw(t, "rows") {
			require.Equal(t, want[r], met.Has(r))
			require.Equal(t, !want[r], met.Add(r))
			want[r] = true
		}
		for r := range want {
			require.True(t, met.Has(r))
		}
	})
}

func row(id uint64, change func(o *audit.Ours)) audit.Ours {
	o := ours("succeeded", 0)
	o.Row.ID = id
	change(&o)
	return o
}

func record(id, key string) payment.Payment {
	p := records()[0]
	p.ID, p.Key = id, key
	return p
}

func TestJoin(t *testing.T) {
	for name, c := range map[string]struct {
		record payment.Payment
		rows   []audit.Ours
		want   uint64 // 0: none
		met    bool
	}{
		"by key":               {record("pay_1", "k"), []audit.Ours{row(1, func(*audit.Ours) {})}, 1, true},
		"by id, without a key": {record("pay_1", "k"), []audit.Ours{row(1, func(o *audit.Ours) { o.Key, o.GatewayID = "", "pay_1" })}, 1, true},
		"by id, whatever the key": {record("pay_1", "k"), []audit.Ours{
			row(1, func(o *audit.Ours) { o.Key, o.GatewayID = "other", "pay_1" }),
		}, 1, true},
		"the same id of another gateway": {record("pay_1", "k"), []audit.Ours{
			row(1, func(o *audit.Ours) { o.Key, o.GatewayID, o.Gateway = "other", "pay_1", "elsewhere" }),
		}, 0, false},
		"two names of one account": {record("pay_1", "k"), []audit.Ours{
			row(1, func(o *audit.Ours) { o.GatewayID, o.Gateway = "pay_1", "elsewhere" }),
		}, 1, true},
		"the same key at another gateway, where it is another payment": {record("pay_1", "k"), []audit.Ours{
			row(1, func(o *audit.Ours) { o.GatewayID, o.Gateway = "pay_9", "elsewhere" }),
		}, 0, false},
		"a key that was used twice": {record("pay_1", "k"), []audit.Ours{row(1, func(o *audit.Ours) { o.GatewayID = "pay_9" })}, 1, false},
		"keys by letter case":       {record("pay_1", "K"), []audit.Ours{row(1, func(*audit.Ours) {})}, 0, false},
		"the id before the key": {record("pay_1", "k"), []audit.Ours{
			row(1, func(*audit.Ours) {}), row(2, func(o *audit.Ours) { o.Key, o.GatewayID = "", "pay_1" }),
		}, 2, true},
		"what was paid before what was not": {record("pay_1", "k"), []audit.Ours{
			row(1, func(o *audit.Ours) { o.Standing = audit.NotPaid }), row(2, func(*audit.Ours) {}), row(3, func(o *audit.Ours) { o.Standing = audit.NotPaid }),
		}, 2, true},
		"a stranger": {record("pay_1", "x"), []audit.Ours{row(1, func(*audit.Ours) {})}, 0, false},
	} {
		var met audit.Met
		listing := audit.Listing{Gateway: "main", Met: &met}
		pair := listing.Join([]payment.Payment{c.record}, c.rows)[0]
		require.Equal(t, c.want != 0, pair.Known, name)
		require.Equal(t, c.want, pair.Ours.Row.ID, name)
		require.Equal(t, c.met, c.want != 0 && met.Has(pair.Ours.Row), name)
	}
}

// A row that names no id meets two payments that took money: in one list that is one too many, in the lists of
// two names of one account it is the same.
func TestOneKeyAndTwoPayments(t *testing.T) {
	var met audit.Met
	rows := []audit.Ours{row(1, func(*audit.Ours) {})}
	first := audit.Listing{Gateway: "main", Met: &met}
	require.False(t, first.Join([]payment.Payment{record("pay_1", "k")}, rows)[0].Again)
	require.False(t, first.Join([]payment.Payment{record("pay_1", "k")}, rows)[0].Again, "a list that grows shows a payment on two pages")
	pair := first.Join([]payment.Payment{record("pay_2", "k")}, rows)[0]
	require.True(t, pair.Again)
	f, found := pair.Differs("main", nil)
	require.True(t, found)
	require.Equal(t, audit.ChargedTwice, f.Kind)
	second := audit.Listing{Gateway: "alias", Met: &met}
	require.False(t, second.Join([]payment.Payment{record("pay_1", "k")}, rows)[0].Again)
}

func TestVerdicts(t *testing.T) {
	o := ours("succeeded", 0)
	p, declined := records()[0], records()[4]
	looked := func(s payment.LookupResult) audit.Seen {
		return audit.Seen{Pair: audit.Pair{Ours: o, Known: true}, Gateway: "main", Sight: s}
	}
	listed := func(s payment.LookupResult) audit.Seen {
		seen := looked(s)
		seen.Theirs = declined
		return seen
	}
	beside := func(s audit.Seen) audit.Seen {
		s.Vetting = payment.Vetting{Earlier: payment.ControlPassed, Later: payment.ControlPassed}
		return s
	}
	stranger := audit.Seen{Pair: audit.Pair{Theirs: p}, Gateway: "main", Sight: payment.LookupResult{Payment: &p}}
	moved := o
	moved.Status, moved.Standing = "refunded", audit.Refunded
	left := looked(payment.LookupResult{Payment: &declined})
	left.Left = "stopped"
	for name, c := range map[string]struct {
		seen   audit.Seen
		now    audit.Ours
		there  bool
		proves bool
		want   audit.Verdict
		kind   audit.Kind
	}{
		"as it should be":                       {looked(payment.LookupResult{Payment: &p}), o, true, true, audit.Agrees, ""},
		"it differs":                            {looked(payment.LookupResult{Payment: &declined}), o, true, true, audit.Differs, audit.StatusDiffers},
		"it differs, and has changed meanwhile": {looked(payment.LookupResult{Payment: &declined}), moved, true, true, audit.Moving, ""},
		"it agrees by now":                      {listed(payment.LookupResult{Payment: &p}), o, true, true, audit.Agrees, ""},
		"its row is gone":                       {looked(payment.LookupResult{Payment: &declined}), audit.Ours{}, false, true, audit.Moving, ""},
		"unknown there":                         {beside(looked(payment.LookupResult{Absent: true})), o, true, true, audit.Differs, audit.UnknownThere},
		"unknown there, and so is all else":     {looked(payment.LookupResult{Absent: true}), o, true, true, audit.Uncontrolled, ""},
		"absent, which proves nothing":          {beside(looked(payment.LookupResult{Absent: true})), o, true, false, audit.Unproven, ""},
		"listed, and then absent":               {listed(payment.LookupResult{Absent: true}), o, true, true, audit.Differs, audit.StatusDiffers},
		"listed, and unaskable":                 {listed(payment.LookupResult{Unaskable: true}), o, true, false, audit.Differs, audit.StatusDiffers},
		"listed, and no answer":                 {listed(payment.LookupResult{Failure: true}), o, true, true, audit.Unanswered, ""},
		"no answer":                             {looked(payment.LookupResult{}), o, true, true, audit.Unanswered, ""},
		"not asked":                             {left, o, true, true, audit.Unanswered, ""},
		"a stranger":                            {stranger, audit.Ours{}, false, true, audit.Differs, audit.UnknownHere},
		"a stranger that is known by now":       {stranger, o, true, true, audit.Moving, ""},
	} {
		f, got := c.seen.Settle(c.now, c.there, nil, c.proves)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.kind, f.Kind, name)
	}
	f, _ := stranger.Settle(audit.Ours{}, false, []audit.Ours{o}, true)
	require.Equal(t, audit.ChargedTwice, f.Kind)
}
