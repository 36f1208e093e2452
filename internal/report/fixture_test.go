package report_test

import (
	"fmt"
	"math"
	"time"

	"duly/internal/payment"
	"duly/internal/report"
)

func began() time.Time { return time.Date(2026, 11, 20, 17, 30, 0, 0, time.UTC) }

func seoul() *time.Location { return time.FixedZone("KST", 9*60*60) }

// page is a report of these runs, written an hour after the night began.
func page(runs ...report.Run) report.Page {
	for i := range runs {
		runs[i].Steps = named(runs[i].Steps)
	}
	return report.Page{Written: began().Add(time.Hour), Zone: seoul(), Runs: runs}
}

// billing is a run in which everything occurred.
func billing() report.Run {
	return report.Run{
		ID: 17, Job: "billing", Date: "2026-11-21", Status: "completed", Exit: new(4), RerunOf: 16,
		Params: report.ParseParams([]byte(`{"date":"2026-11-21","subscriptions":[41,42],"limit":5000}`)),
		Host:   "worker-1", PID: 4711, Version: "v1.4.0", Started: began(), Finished: new(began().Add(94 * time.Second)),
		Steps: []report.Step{
			{Name: "recover", Status: "completed", Read: 14, Succeeded: 11, Declined: 2, InDoubt: 1, Amounts: map[string]int64{"KRW": 141_900}, Seconds: 1.2},
			{Name: "issue", Status: "completed", Read: 2000, Succeeded: 1996, Review: 4, Seconds: 0.84},
			{
				Name: "collect", Status: "completed", Read: 1996, Succeeded: 1812, Declined: 151, Released: 6, InDoubt: 21, Rejected: 2, Review: 4,
				Amounts: map[string]int64{"KRW": 23_374_800, "USD": 592_344, "JPY": 120_000}, Seconds: 71.3,
			},
			{Name: "retry-1", Status: "completed", Read: 120, Succeeded: 79, Declined: 41, Amounts: map[string]int64{"KRW": 1_235_000, "USD": 53_259}, Seconds: 9.4},
			{Name: "retry-2", Status: "completed", Read: 48, Succeeded: 9, Declined: 39, Amounts: map[string]int64{"KRW": 116_100}, Seconds: 4.1},
			{Name: "retry-3", Status: "completed", Seconds: 0.002},
			{Name: "recover-last", Status: "stopped", Read: 22, Succeeded: 17, InDoubt: 5, Amounts: map[string]int64{"KRW": 219_300}, Seconds: 6.9},
		},
		Measured: measured(),
		Declines: []report.Decline{
			{Class: payment.Soft, Code: "insufficient_funds", Count: 148},
			{Class: payment.Hard, Code: "lost_card", Count: 41},
			{Class: payment.Action, Code: "authentication_required", Count: 30},
			{Class: payment.Soft, Count: 14},
		},
		Unsettled: []report.Cause{
			{What: "in doubt", Why: "certificate not trusted", Rows: 19},
			{What: "released", Rows: 6},
		},
		MoreUnsettled: 2,
		Unpaid: &report.Unpaid{
			Invoices: 251, Amounts: map[string]int64{"KRW": 3_127_400, "USD": 60_123},
			Retries: []report.Retries{{"2026-11-22", 151}, {"2026-11-24", 41}, {"2026-11-26", 11}}, NewCard: 44,
		},
		Waiting: waiting(),
		Next:    []string{"duly run billing --rerun 17"},
	}
}

// waiting are nine rows that need a person for three reasons, and twelve more.
func waiting() report.Waiting {
	w := report.Waiting{More: 12, List: "duly list review"}
	for i := range 6 {
		id := uint64(812 + i)
		w.Rows = append(w.Rows, report.Review{
			What: "invoice", ID: id, Reason: fmt.Sprintf("gateway booked %d.99 USD (pay_%d), invoice is 12.99 USD", i, 86+i),
			Money: &payment.Money{Amount: 1299, Currency: "USD"}, Since: began().Add(time.Duration(40-i) * time.Second), New: true,
			Command: fmt.Sprintf("duly show invoice %d", id),
		})
	}
	for _, id := range []uint64{77, 51} {
		w.Rows = append(w.Rows, report.Review{
			What: "subscription", ID: id, Reason: `gateway "maim" is not configured`, Since: began().Add(2 * time.Second), New: id == 77,
			Command: fmt.Sprintf("duly show subscription %d", id),
		})
	}
	w.Rows = append(w.Rows, report.Review{
		What: "invoice", ID: 640, Reason: "in doubt for 3 days", Money: &payment.Money{Amount: 12_900, Currency: "KRW"},
		Since: began().Add(-50 * time.Hour), Command: "duly show invoice 640",
	})
	return w
}

// named gives the steps of a run the words that its job would give them.
func named(steps []report.Step) []report.Step {
	words := map[string]report.Words{
		"issue":     {Unit: "subscriptions", Succeeded: "invoiced", Declined: "ended", Rejected: "rejected", Review: "to review"},
		"reconcile": {Kind: report.Orders, Unit: "orders", Succeeded: "completed", Declined: "failed", InDoubt: "to check again", Review: "to review"},
		"refund":    {Kind: report.Refunds, Label: "refunds due", Unit: "orders", Succeeded: "refunded", Declined: "nothing to refund", InDoubt: "to try again"},
		"match":     {Kind: report.Audits, Unit: "payments", Succeeded: "matched the gateway", Declined: "differed", InDoubt: "not settled yet", Review: "new findings"},
		"look-up":   {Kind: report.Audits, Unit: "payments", Succeeded: "matched the gateway"},
		"report":    {Unit: "days", Succeeded: "computed"},
	}
	labels := map[string]string{"collect": "due date", "retry-1": "1st retry", "retry-2": "2nd retry", "retry-3": "3rd retry", "recover": "in doubt before", "recover-last": "in doubt again"}
	for i, s := range steps {
		w, known := words[s.Name]
		if !known {
			w = report.Words{
				Kind: report.Charges, Label: labels[s.Name], Unit: "charges", Succeeded: "paid", Declined: "declined", Released: "released", InDoubt: "in doubt",
				Rejected: "rejected", Review: "to review",
			}
		}
		steps[i].Words = w
	}
	return steps
}

func measured() *report.Measured {
	m := &report.Measured{
		Gateways: map[string]report.Gateway{
			"main": {
				Requests: 2310, Charges: map[string]int64{"succeeded": 1928, "declined": 233, "in_doubt": 27, "not_executed": 40, "rejected": 2},
				LookUps: 80, Retries: 61, Openings: 2, Latency: latency(180),
			},
			"backup": {Charges: map[string]int64{}, LeftAlone: "paused: maintenance (ada, since 2026-11-20 09:00:00 UTC)"},
		},
		Left: []string{"5 charges in doubt, next check 18:12:05 UTC", "6 charges were released: the circuit of main was open"},
	}
	var s report.Sampler
	var total report.Totals
	for at := time.Duration(0); at <= 94*time.Second; at += report.Every {
		held := at > 40*time.Second && at < 50*time.Second
		if !held {
			total.Succeeded += int64(5 + 2*math.Sin(at.Seconds()/6))
			if at%time.Second == 0 {
				total.Declined += 2
			}
			if at%(4*time.Second) == 0 {
				total.Others++
			}
		}
		s.Add(at, total, held)
	}
	m.Pace = s.Pace()
	return m
}

// latency is that of a gateway: most answers come soon, some late.
func latency(median float64) report.Latency {
	return report.Latency{Mean: median * 1.2, P50: median, P95: median * 2.9, P99: median * 4.8, Max: median * 11}
}

// nothing is a run that had nothing to do.
func nothing() report.Run {
	r := report.Run{
		ID: 1, Job: "billing", Date: "2026-11-21", Status: "completed", Exit: new(0), Host: "worker-1", PID: 1, Version: "dev",
		Started: began(), Finished: new(began().Add(41 * time.Millisecond)), Measured: &report.Measured{},
	}
	for _, name := range []string{"recover", "issue", "collect", "retry-1", "recover-last"} {
		r.Steps = append(r.Steps, report.Step{Name: name, Status: "completed"})
	}
	return r
}

// one is a run that charged one subscription.
func one() report.Run {
	r := nothing()
	r.Steps[1] = report.Step{Name: "issue", Status: "completed", Read: 1, Succeeded: 1, Seconds: 0.004}
	r.Steps[2] = report.Step{Name: "collect", Status: "completed", Read: 1, Succeeded: 1, Amounts: map[string]int64{"KRW": 12_900}, Seconds: 0.021}
	r.Measured = &report.Measured{
		Pace: report.Pace{Seconds: 0.041, Width: 0.25, Succeeded: []int64{1}, Declined: []int64{0}, Others: []int64{0}},
		Gateways: map[string]report.Gateway{"main": {
			Requests: 1, Charges: map[string]int64{"succeeded": 1},
			Latency: report.Latency{Mean: 12, P50: 12, P95: 12, P99: 12, Max: 12},
		}},
	}
	return r
}

// dead is a run that was killed: it left what its last heartbeat wrote.
func dead() report.Run {
	r := billing()
	r.ID, r.Exit, r.Status, r.Finished, r.Measured, r.Waiting, r.Unsettled, r.MoreUnsettled = 18, nil, "abandoned", nil, nil, report.Waiting{}, nil, 0
	r.Beat = began().Add(30 * time.Second)
	r.Next = []string{"duly run billing --rerun 18"}
	return r
}

// refused is a run that failed since the gateway rejected its token.
func refused() report.Run {
	r := nothing()
	r.ID, r.Exit, r.Status = 19, new(1), "failed"
	r.Error = "collect: gateway main rejected our token (401 invalid_token)"
	r.Steps[1] = report.Step{Name: "issue", Status: "completed", Read: 1998, Succeeded: 1998, Seconds: 0.4}
	r.Steps = r.Steps[:3]
	r.Steps[2] = report.Step{Name: "collect", Status: "failed", Read: 500, Released: 500, Seconds: 0.1}
	r.Unpaid = &report.Unpaid{Invoices: 1998, Amounts: map[string]int64{"KRW": 25_858_100, "USD": 649_500}}
	r.Measured = &report.Measured{Left: []string{"1,998 invoices of step collect due and not charged"}}
	r.Next = []string{"duly doctor", "duly run billing --rerun 19"}
	return r
}

const (
	evil = `<script>alert("1")</script>"><img src=x onerror=alert(1)> ' & </style></title>`
	long = "anamethatissolongthatnobodywouldeverthinkofitandthathasnoplacetobreakitatwhatsoeverandthatgoesonandon"
)

// hostile is a run in which every text is long, and HTML.
func hostile() report.Run {
	r := billing()
	r.ID, r.Job, r.Host, r.Version, r.Error = 20, evil, long+evil, evil, evil+long+long
	r.Params = []report.Param{{evil, long + evil}}
	for i := range r.Steps {
		if i == 2 {
			r.Steps[i].Name, r.Steps[i].Status = evil+long, evil
		}
	}
	m := measured()
	m.Left, m.Notes = []string{evil + long + long}, []string{evil}
	m.Gateways = map[string]report.Gateway{long + evil: m.Gateways["main"], evil: {LeftAlone: evil + long}}
	r.Measured = m
	r.Declines = []report.Decline{{Class: evil, Code: evil + long, Count: 3}, {Class: long, Code: long, Count: 2}}
	r.Unsettled = []report.Cause{{What: evil, Why: evil + long, Rows: 3}}
	r.Waiting.Rows = []report.Review{{What: evil, Reason: evil + long + long, Command: "duly show " + evil + long, Since: began(), New: true}}
	r.Next = []string{evil + long + long}
	r.Daily = &report.Daily{
		Orders:   []report.DayOrders{{Date: evil + long, Currency: "KRW", Completed: 1_234_567, Failed: 7, Sold: math.MaxInt64, Refunded: math.MaxInt64}},
		Products: []report.DayProduct{{Date: evil, Name: long + long + evil, Currency: "KRW"}},
	}
	return r
}

// currencies is a run that collected a dozen of them.
func currencies() report.Run {
	r := billing()
	r.ID = 21
	for i, currency := range []string{"AED", "BHD", "CHF", "EUR", "GBP", "IDR", "JPY", "KRW", "SEK", "USD", "VND", "ZAR"} {
		r.Steps[2].Amounts[currency] = int64(123_456_789 * (i + 1))
		r.Steps[3].Amounts[currency] = int64(1_234_567 * (i + 1))
	}
	return r
}

func reconcile() report.Run {
	r := nothing()
	r.ID, r.Job, r.Exit = 22, "reconcile", new(3)
	r.Steps = []report.Step{
		{
			Name: "reconcile", Status: "completed", Read: 500, Succeeded: 195, Declined: 280, InDoubt: 24, Review: 1,
			Amounts: map[string]int64{"KRW": 5_619_700}, Seconds: 3.4,
		},
		{Name: "refund", Status: "completed", Read: 57, Succeeded: 55, Declined: 1, InDoubt: 1, Amounts: map[string]int64{"KRW": 2_669_400}, Seconds: 1.1},
	}
	r.Measured = measured()
	r.Measured.Left = nil
	r.Measured.Pace.Seconds = 4.5
	r.Waiting = report.Waiting{Rows: []report.Review{{
		What: "order", ID: 312, Reason: "two payments succeeded, of which one was refunded by someone", Money: &payment.Money{Amount: 31_900, Currency: "KRW"},
		Since: began(), New: true, Command: "duly show order 312",
	}}}
	r.Waiting.List = "duly list review"
	return r
}

func audit() report.Run {
	r := nothing()
	r.ID, r.Job, r.Exit = 23, "audit", new(3)
	r.Steps = []report.Step{
		{Name: "match", Status: "completed", Read: 2171, Succeeded: 2168, Declined: 2, InDoubt: 1, Review: 2, Seconds: 2.2},
		{Name: "look-up", Status: "completed", Read: 1, Succeeded: 1, Seconds: 0.05},
	}
	r.Measured = &report.Measured{Notes: []string{"backup cannot list payments: each of ours is looked up"}}
	r.Waiting.List = "duly list findings"
	for i, text := range []string{"the gateway took 12,900 KRW for order-312, which has no payment", "the gateway took 9.99 USD for sub_7_2026-11-21, the invoice is 12.99 USD"} {
		r.Waiting.Rows = append(r.Waiting.Rows, report.Review{
			What: "finding", ID: uint64(i + 1), Reason: text, Since: began(), New: true, Command: fmt.Sprintf("duly resolve finding %d --as ignored --reason …", i+1),
		})
	}
	return r
}

func daily() report.Run {
	r := nothing()
	r.ID, r.Job, r.Date = 24, "report", "2026-11-20"
	r.Steps = []report.Step{{Name: "report", Status: "completed", Read: 1, Succeeded: 1, Seconds: 0.03}}
	r.Daily = &report.Daily{
		Orders: []report.DayOrders{
			{Date: "2026-11-20", Currency: "KRW", Completed: 195, Failed: 280, Sold: 5_619_700, Refunded: 2_669_400},
			{Date: "2026-11-20", Currency: "USD", Completed: 12, Failed: 3, Sold: 59_988},
		},
		Products: []report.DayProduct{
			{Date: "2026-11-20", ID: 1, Name: "Coffee beans, 1 kg", Quantity: 84, Amount: 2_100_000, Currency: "KRW"},
			{Date: "2026-11-20", ID: 2, Quantity: 31},
		},
		More: 18,
	}
	return r
}

// night is a page of several runs.
func night() report.Page {
	runs := []report.Run{reconcile(), billing(), daily(), audit()}
	p := page(runs...)
	p.Night = &report.Night{
		Date: "2026-11-21", Host: "worker-1", Started: began(), Finished: began().Add(3 * time.Minute), Exit: 4,
		Parts: []report.Part{
			{Job: "reconcile", Run: 22, Exit: 3},
			{Job: "billing", Run: 17, Exit: 4},
			{Job: "outbox", Exit: 5, Why: "not run: outbox is paused: the receiver moves (ada, since 2026-11-20 09:00:00 UTC)"},
			{Job: "report", Run: 24, Exit: 0},
			{Job: "audit", Run: 23, Exit: 3},
		},
		NotReached: []string{"prune"},
	}
	return p
}

// pages are all that a report must be able to show.
func pages() map[string]report.Page {
	return map[string]report.Page{
		"billing": page(billing()), "nothing": page(nothing()), "one": page(one()), "dead": page(dead()), "refused": page(refused()),
		"hostile": page(hostile()), "currencies": page(currencies()), "reconcile": page(reconcile()), "audit": page(audit()),
		"figures": page(daily()), "night": night(), "empty night": {Night: &report.Night{Date: "2026-11-21"}},
	}
}
