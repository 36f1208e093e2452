package payment

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func ours() Control {
	return Control{
		Key: "sub_1_20260131-1", Reference: "sub_1_20260131", CustomerID: "c", Money: Money{1000, "KRW"}, PaymentID: "pay_1",
		At: time.Date(2026, 1, 31, 2, 30, 0, 0, time.UTC), Own: true,
	}
}

func record() Payment {
	return Payment{ID: "pay_1", Status: Succeeded, Key: "sub_1_20260131-1", Reference: "sub_1_20260131", CustomerID: "c", Money: Money{1000, "KRW"}}
}

// A control is shown by the very payment alone; what became of it since does not matter.
func TestControlShown(t *testing.T) {
	for name, c := range map[string]struct {
		change func(c *Control, p *Payment)
		want   bool
	}{
		"as it was":            {func(*Control, *Payment) {}, true},
		"refunded":             {func(_ *Control, p *Payment) { p.Refunded = 1000 }, true},
		"cancelled":            {func(_ *Control, p *Payment) { p.Status = Canceled }, true},
		"of a copy":            {func(_ *Control, p *Payment) { p.ID = "pay_2" }, false},
		"no id of ours":        {func(c *Control, p *Payment) { c.PaymentID, p.ID = "", "" }, false},
		"another key":          {func(_ *Control, p *Payment) { p.Key = "sub_1_20260131-2" }, false},
		"another reference":    {func(_ *Control, p *Payment) { p.Reference = "sub_2_20260131" }, false},
		"another customer":     {func(_ *Control, p *Payment) { p.CustomerID = "d" }, false},
		"another amount":       {func(_ *Control, p *Payment) { p.Money.Amount++ }, false},
		"another currency":     {func(_ *Control, p *Payment) { p.Money.Currency = "USD" }, false},
		"a record of the shop": {func(c *Control, _ *Payment) { c.Own = false }, true},
	} {
		t.Run(name, func(t *testing.T) {
			control, found := ours(), record()
			c.change(&control, &found)
			require.Equal(t, c.want, control.Shown(found))
		})
	}
}

// Only a definite answer fails a control, and only one of our own: what a shop wrote down may never have been shown.
func TestControlJudge(t *testing.T) {
	found, copied := record(), record()
	copied.ID = "pay_copy"
	for name, c := range map[string]struct {
		seen      LookupResult
		own, shop ControlVerdict
	}{
		"shown":       {LookupResult{Payment: &found}, ControlPassed, ControlPassed},
		"another":     {LookupResult{Payment: &copied}, ControlFailed, ControlNone},
		"absent":      {LookupResult{Absent: true}, ControlFailed, ControlNone},
		"no answer":   {LookupResult{Reason: "timeout"}, ControlUnknown, ControlUnknown},
		"refused":     {LookupResult{Misconfigured: true}, ControlUnknown, ControlUnknown},
		"not askable": {LookupResult{Unaskable: true}, ControlNone, ControlNone},
	} {
		t.Run(name, func(t *testing.T) {
			control := ours()
			require.Equal(t, c.own, control.Judge(c.seen))
			control.Own = false
			require.Equal(t, c.shop, control.Judge(c.seen))
		})
	}
}

func TestVetting(t *testing.T) {
	for _, c := range []struct {
		earlier, later                  ControlVerdict
		proves, failed, allows, unknown bool
		missing                         string
	}{
		{ControlPassed, ControlPassed, true, false, true, false, ""},
		{ControlPassed, ControlNone, false, false, true, false, "after it"},
		{ControlPassed, ControlFailed, false, true, true, false, ""},
		{ControlPassed, ControlUnknown, false, false, true, true, ""},
		{ControlNone, ControlPassed, false, false, true, false, "before it"},
		{ControlNone, ControlNone, false, false, true, false, "before or after it"},
		{ControlNone, ControlUnknown, false, false, true, true, "before it"},
		{ControlFailed, ControlPassed, false, true, false, false, ""},
		{ControlFailed, ControlUnknown, false, true, false, false, ""},
		{ControlUnknown, ControlPassed, false, false, false, true, ""},
		{ControlUnknown, ControlUnknown, false, false, false, true, ""},
	} {
		v := Vetting{Earlier: c.earlier, Later: c.later, Denied: ours()}
		require.Equal(t, c.proves, v.Proves(), "%v", c)
		require.Equal(t, c.failed, v.Failed(), "%v", c)
		require.Equal(t, c.allows, v.Allows(), "%v", c)
		require.Equal(t, c.unknown, v.Unknown(), "%v", c)
		require.Equal(t, c.missing, v.Missing(), "%v", c)
		require.Equal(t, c.proves, v.Reason("main") == "", "%v", c)
	}
	require.Equal(t, "gateway main does not show payment pay_1, which it took on 2026-01-31: wrong URL or account?",
		Vetting{Earlier: ControlFailed, Denied: ours()}.Reason("main"))
}

// The nearest three are asked for, and one of our own among them.
// Before money is refunded all of the newest payments are asked for, and one that is denied counts more than others that are shown.
func TestNoneDenied(t *testing.T) {
	passed, failed, unknown, none := ControlPassed, ControlFailed, ControlUnknown, ControlNone
	for _, c := range []struct {
		verdicts []ControlVerdict
		want     ControlVerdict
	}{
		{nil, none},
		{[]ControlVerdict{none, none}, none},
		{[]ControlVerdict{passed, passed, failed}, failed},
		{[]ControlVerdict{unknown, failed}, failed},
		{[]ControlVerdict{unknown, passed}, passed},
		{[]ControlVerdict{passed, unknown, none}, passed},
		{[]ControlVerdict{none, unknown}, unknown},
	} {
		all := make([]Control, len(c.verdicts))
		for i := range all {
			all[i].PaymentID = strconv.Itoa(i)
		}
		denied, got := NoneDenied(all, func(control Control) ControlVerdict {
			at, err := strconv.Atoi(control.PaymentID)
			require.NoError(t, err)
			return c.verdicts[at]
		})
		require.Equal(t, c.want, got, "%v", c.verdicts)
		if got == failed {
			require.Equal(t, strconv.Itoa(slices.Index(c.verdicts, failed)), denied.PaymentID)
		}
	}
}

func TestNearest(t *testing.T) {
	shop := func(id string) Control { return Control{PaymentID: id} }
	own := func(id string) Control { return Control{PaymentID: id, Own: true} }
	for name, c := range map[string]struct{ all, want []Control }{
		"few":                 {[]Control{shop("a"), own("b")}, []Control{shop("a"), own("b")}},
		"ours among them":     {[]Control{shop("a"), own("b"), shop("c"), own("d")}, []Control{shop("a"), own("b"), shop("c")}},
		"ours behind them":    {[]Control{shop("a"), shop("b"), shop("c"), shop("d"), own("e"), own("f")}, []Control{shop("a"), shop("b"), own("e")}},
		"none of ours at all": {[]Control{shop("a"), shop("b"), shop("c"), shop("d")}, []Control{shop("a"), shop("b"), shop("c")}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, Nearest(c.all)) })
	}
}
