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
	return report.Page{Written: began().Add(time.Hour), Zone: seoul(), Runs: runs}
}

// billing is a run in which everything occurred.
func billing() report.Run {
	return report.Run{
		ID: 17, Job: "billing", Date: "2026-11-21", Status: "completed", Exit: new(4), RerunOf: 16,
		Told: report.ToldBy([]byte(`{"date":"2026-11-21","subscriptions":[41,42],"limit":5000}`)),
		Host: "worker-1", PID: 4711, Version: "v1.4.0", Started: began(), Finished: new(began().Add(94 * time.Second)),
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
			{Class: "soft", Code: "insufficient_funds", Count: 148},
			{Class: "hard", Code: "lost_card", Count: 41},
			{Class: "action", Code: "authentication_required", Count: 30},
			{Class: "soft", Count: 14},
		},
		Causes: []report.Cause{
			{What: "in doubt", Why: "certificate not trusted", Rows: 19},
			{What: "released", Rows: 6},
			{What: "in review", Why: "gateway booked 10.00 EUR, invoice is 9.99 EUR", Rows: 2},
			{What: "declined", Why: "insufficient_funds", Rows: 148},
			{What: "declined", Why: "lost_card", Rows: 41},
		},
		MoreCauses: 7,
		Waiting: report.Waiting{
			Rows: []report.Review{
				{
					What: "invoice 812", Reason: "the gateway took 12,900 KRW, not 9,900 KRW", Money: &payment.Money{Amount: 9900, Currency: "KRW"},
					Since: began().Add(40 * time.Second), New: true, Command: "duly show invoice 812",
				},
				{What: "subscription 77", Reason: "no gateway is called kakao", Since: began().Add(2 * time.Second), New: true, Command: "duly show subscription 77"},
				{
					What: "invoice 640", Reason: "in doubt for 3 days", Money: &payment.Money{Amount: 1299, Currency: "USD"},
					Since: began().Add(-50 * time.Hour), Command: "duly show invoice 640",
				},
			},
			More: 12,
		},
		Next: []string{"duly show invoice 812", "duly run billing --rerun 17"},
	}
}

func measured() *report.Measured {
	m := &report.Measured{
		Gateways: map[string]report.Gateway{
			"main": {
				Requests: 2310, Charges: map[string]int64{"succeeded": 1928, "declined": 233, "in_doubt": 27, "not_executed": 40, "rejected": 2},
				LookUps: 80, Retries: 61, Openings: 2, Latency: latency(180, 2310),
			},
			"backup": {Charges: map[string]int64{}, LeftAlone: "paused: maintenance (ada, since 2026-11-20 09:00:00 UTC)"},
		},
		Left: []string{"5 charges in doubt, next check 03:12:05 UTC", "6 charges were released: the circuit of main was open"},
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

// latency is shaped as that of gateways is: most answers come soon, some late.
func latency(median float64, n int64) report.Latency {
	l := report.Latency{Mean: median * 1.2, P50: median, P95: median * 2.9, P99: median * 4.8, Max: median * 11}
	for i := range 24 {
		from := median / 4 * math.Exp2(float64(i)/4)
		d := float64(i) - 8
		count := int64(float64(n) * 0.13 * math.Exp(-d*d/18))
		if count > 0 {
			l.Buckets = append(l.Buckets, report.Bucket{From: from, To: from * math.Exp2(0.25), Count: count})
		}
	}
	return l
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
			Latency: report.Latency{Mean: 12, P50: 12, P95: 12, P99: 12, Max: 12, Buckets: []report.Bucket{{From: 11.3, To: 13.4, Count: 1}}},
		}},
	}
	return r
}

// dead is a run that was killed: it left what its last heartbeat wrote.
func dead() report.Run {
	r := billing()
	r.ID, r.Exit, r.Status, r.Finished, r.Measured, r.Waiting = 18, nil, "abandoned", nil, nil, report.Waiting{}
	r.Beat = began().Add(30 * time.Second)
	r.Next = []string{"duly run billing --rerun 18"}
	return r
}

// refused is a run that its own credentials ended.
func refused() report.Run {
	r := nothing()
	r.ID, r.Exit, r.Status = 19, new(1), "failed"
	r.Error = "collect: gateway main refused our credentials: 401 invalid_token"
	r.Steps[2].Status = "failed"
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
	r.Told = []report.Told{{evil, long + evil}}
	for i := range r.Steps {
		if i == 2 {
			r.Steps[i].Name, r.Steps[i].Status = evil+long, evil
		}
	}
	m := measured()
	m.Left, m.Notes = []string{evil + long + long}, []string{evil}
	m.Gateways = map[string]report.Gateway{long + evil: m.Gateways["main"], evil: {LeftAlone: evil + long}}
	r.Measured = m
	r.Declines = []report.Decline{{Class: evil, Code: evil + long, Count: 3}}
	r.Causes = []report.Cause{{What: evil, Why: evil + long, Rows: 3}}
	r.Waiting.Rows = []report.Review{{What: evil, Reason: evil + long + long, Command: "duly show " + evil + long, Since: began(), New: true}}
	r.Next = []string{evil + long + long}
	r.Daily = &report.Daily{Products: []report.DayProduct{{Date: evil, Name: long + long + evil, Currency: "KRW"}}}
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
	r.Waiting = report.Waiting{Rows: []report.Review{{
		What: "order 312", Reason: "two payments succeeded, of which one was refunded by someone", Money: &payment.Money{Amount: 31_900, Currency: "KRW"},
		Since: began(), New: true, Command: "duly show order 312",
	}}}
	r.Next = []string{"duly show order 312"}
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
	for i, kind := range []string{"missing_here", "amount_differs"} {
		r.Waiting.Rows = append(r.Waiting.Rows, report.Review{
			What: fmt.Sprintf("finding %d, %s", i+1, kind), Reason: "the gateway took 12,900 KRW for order-312, the tables know nothing of it", Since: began(), New: true,
			Command: fmt.Sprintf("duly resolve finding %d --as ignored --reason …", i+1),
		})
	}
	return r
}

func figures() report.Run {
	r := nothing()
	r.ID, r.Job, r.Date = 24, "report", "2026-11-20"
	r.Steps = []report.Step{{Name: "report", Status: "completed", Read: 1, Succeeded: 1, Seconds: 0.03}}
	r.Daily = &report.Daily{
		Orders: []report.DayOrders{
			{Date: "2026-11-20", Currency: "KRW", Completed: 195, Failed: 280, Sold: 5_619_700, GivenBack: 2_669_400},
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
	runs := []report.Run{reconcile(), billing(), figures(), audit()}
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
	}
	return p
}

// pages are all that a report must be able to show.
func pages() map[string]report.Page {
	return map[string]report.Page{
		"billing": page(billing()), "nothing": page(nothing()), "one": page(one()), "dead": page(dead()), "refused": page(refused()),
		"hostile": page(hostile()), "currencies": page(currencies()), "reconcile": page(reconcile()), "audit": page(audit()),
		"figures": page(figures()), "night": night(), "empty night": {Night: &report.Night{Date: "2026-11-21"}},
	}
}
