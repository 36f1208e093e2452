package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/e2e"
	"duly/internal/test/worktest"
)

// story is what becomes of one charge, run after run.
type story struct {
	method   string
	sim      simulator.Config
	worker   func(*worker)
	before   func(*world)
	chapters []chapter
	after    func(*world)
	requests int // under the first key, of all runs
	// otherBytes: requests under one key differ, for a reason that the gateway cannot know.
	otherBytes bool
}

// chapter is one run: what happens before it, and what it leaves.
type chapter struct {
	before func(*world)
	left   left
}

// left is how a run leaves the charge.
type left struct {
	exit    int
	attempt billing.AttemptStatus
	invoice billing.InvoiceStatus
}

func nothing(*world) {}

func doubted(before func(*world)) chapter {
	return chapter{before, left{batch.ExitUnfinished, billing.AttemptInDoubt, billing.Charging}}
}

func released(before func(*world)) chapter {
	return chapter{before, left{batch.ExitUnfinished, billing.AttemptReleased, billing.Open}}
}

func putOff(before func(*world)) chapter {
	return chapter{before, left{batch.ExitUnfinished, billing.AttemptDeclined, billing.Open}}
}

func paid(before func(*world)) chapter {
	return chapter{before, left{batch.ExitDone, billing.AttemptSucceeded, billing.Paid}}
}

func declined(before func(*world)) chapter {
	return chapter{before, left{batch.ExitDone, billing.AttemptDeclined, billing.Open}}
}

func rejected(before func(*world)) chapter {
	return chapter{before, left{batch.ExitReview, billing.AttemptRejected, billing.Review}}
}

func review(before func(*world)) chapter {
	return chapter{before, left{batch.ExitReview, billing.AttemptReview, billing.Review}}
}

// What happens between two runs.
func dayLater(w *world) { w.pass(aDay) }

// pendingForLong is a day later, on which it was asked often enough.
func pendingForLong(w *world) {
	dayLater(w)
	counted(w, func(p payment.Patience, now time.Time) payment.Patience {
		for i := range 12 {
			p = p.Answered(true, now.Add(time.Duration(i-12)*3*time.Hour))
		}
		return p
	})
}

// mutedForLong is a week later, on each day of which the gateway was asked in vain.
func mutedForLong(w *world) {
	counted(w, func(p payment.Patience, now time.Time) payment.Patience {
		for i := range 8 {
			p = p.Unanswered(now.Add(time.Duration(i-8) * aDay))
		}
		return p
	})
}

// counted stores what earlier runs counted of the charge.
func counted(w *world, count func(payment.Patience, time.Time) payment.Patience) {
	w.do(`UPDATE payment_attempts SET patience = ?`, count(payment.Patience{}, time.Now()).Text())
}

func anHourLater(w *world) { w.pass(time.Hour) }

func newCard(w *world) {
	w.do(`UPDATE subscriptions SET payment_method = 'pm_ok:new'`)
}

func newWords(w *world) {
	w.do(`UPDATE subscriptions SET description = 'other words'`)
}

func tooMany(w *world) {
	w.sim.Update(func(c *simulator.Config) { c.Faults = simulator.Faults{TooMany: 1} })
}

// asWas sends a charge under the key that the worker will use, but with other bytes.
func asWas(change func(body map[string]any)) func(*world) {
	return func(w *world) {
		reference := billing.Reference(1, w.date)
		body := map[string]any{
			"reference": reference, "customer_id": "customer-1", "payment_method": "pm_ok:1", "amount": 10_000, "currency": "KRW",
		}
		change(body)
		text, err := json.Marshal(body)
		require.NoError(w.t, err)
		request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/v1/payments", bytes.NewReader(text))
		require.NoError(w.t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", billing.Key(1, w.date, 1))
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(w.t, err)
		require.NoError(w.t, response.Body.Close())
		require.Equal(w.t, http.StatusOK, response.StatusCode)
	}
}

func noKeys(k *worker) { k.client.KeyLife = 0; k.limits.Tries = 3 }

// noList is for charges under keys of ours that no attempt accounts for: a list would show them.
func noList(k *worker) { k.client.NoList = true }

// blind makes the gateway answer no question any more.
func blind(w *world) {
	w.sim.Update(func(c *simulator.Config) { c.LookupFaults = simulator.Faults{DropBefore: 1} })
}

func noFind(k *worker) { k.client.NoFind = true }

func twice(k *worker) { k.limits.Tries = 2 }

// stories are told on a gateway whose late requests land an hour late.
func stories() map[string]story {
	late := simulator.Config{Faults: simulator.Faults{LateBy: time.Hour}}
	return map[string]story{
		"a late request lands after it was never seen and sent again": {
			method: "pm_late", sim: late, chapters: []chapter{doubted(nothing), paid(nothing)}, after: anHourLater, requests: 2,
		},
		"a late request lands while it may only be asked about": {
			method: "pm_late", sim: late, chapters: []chapter{doubted(nothing), doubted(newCard), paid(anHourLater)}, requests: 1,
		},
		"a late request lands after it was sent again and refused as too many": {
			method: "card", sim: simulator.Config{Faults: simulator.Faults{Late: 1, LateBy: time.Hour}},
			chapters: []chapter{doubted(nothing), doubted(tooMany), paid(anHourLater)}, requests: 2,
		},
		"never seen, and sent again as it was though the words have changed": {
			method: "pm_drop_before", chapters: []chapter{doubted(nothing), paid(newWords)}, requests: 2,
		},
		"never seen, until nothing can land any more": {
			method: "pm_drop_before_2", chapters: []chapter{doubted(nothing), doubted(nothing), paid(dayLater)}, requests: 3,
		},
		"never seen, until nothing can land any more, and another card": {
			method: "pm_drop_before_always", chapters: []chapter{doubted(nothing), doubted(newCard), paid(dayLater)}, requests: 2,
			otherBytes: true, // proved not to have been executed
		},
		"429 after a time-out": {
			method: "pm_429_after", worker: twice, chapters: []chapter{doubted(nothing), paid(nothing)}, requests: 2,
		},
		"429 alone": {method: "pm_429", chapters: []chapter{released(nothing), paid(nothing)}, requests: 2},
		"422 for the charge of somebody else": {
			method: "pm_ok", worker: noList, before: asWas(func(b map[string]any) { b["amount"] = 1 }),
			chapters: []chapter{doubted(nothing), review(nothing)}, requests: 2, otherBytes: true,
		},
		"422 for a charge that is ours": {
			method: "pm_ok", worker: noList, before: asWas(func(b map[string]any) { b["description"] = "other words" }),
			chapters: []chapter{doubted(nothing), paid(nothing)}, requests: 2, otherBytes: true,
		},
		"pending, then paid": {
			method: "pm_pending_1_then_ok", chapters: []chapter{doubted(nothing), doubted(nothing), paid(nothing)}, requests: 1,
		},
		"pending, then declined": {
			method: "pm_pending_1_then_soft", before: showsOurs, chapters: []chapter{doubted(nothing), doubted(nothing), declined(nothing)}, requests: 1,
		},
		"pending for ever":     {method: "pm_pending", chapters: []chapter{doubted(nothing), doubted(dayLater), review(pendingForLong)}, requests: 1},
		"cancelled by someone": {method: "pm_canceled", chapters: []chapter{review(nothing)}, requests: 1},
		"refunded by someone": {
			method: "pm_drop_after_then_refunded", chapters: []chapter{doubted(nothing), review(nothing)}, requests: 1,
		},
		"another amount":    {method: "pm_wrong_amount", chapters: []chapter{review(nothing)}, requests: 1},
		"another currency":  {method: "pm_wrong_currency", chapters: []chapter{review(nothing)}, requests: 1},
		"another customer":  {method: "pm_wrong_customer", chapters: []chapter{review(nothing)}, requests: 1},
		"another reference": {method: "pm_wrong_reference", chapters: []chapter{review(nothing)}, requests: 1},
		"the key expires after an unanswered charge": {
			method: "pm_drop_after_always", chapters: []chapter{doubted(nothing), paid(dayLater)}, requests: 1,
		},
		"the key is too old to be sent again, and absence not yet proved": {
			method:   "pm_drop_before",
			chapters: []chapter{doubted(nothing), doubted(func(w *world) { w.pass(keyLife - longest/2) }), paid(anHourLater)}, requests: 2,
		},
		"the gateway cannot be reached until the key has expired": {
			method: "pm_drop_before_always", chapters: []chapter{doubted(nothing), doubted(blind), doubted(dayLater), review(mutedForLong)}, requests: 1,
		},
		"a gateway without look-up is sent the same again": {
			method: "pm_drop_after", sim: simulator.Config{NoFind: true}, worker: shut,
			chapters: []chapter{doubted(nothing), paid(nothing)}, requests: 2,
		},
		"a gateway without look-up has forgotten the key": {
			method: "pm_drop_after", sim: simulator.Config{NoFind: true}, worker: shut,
			chapters: []chapter{doubted(nothing), review(dayLater)}, requests: 1,
		},
		"a gateway without keys is asked": {
			method: "pm_drop_after", sim: simulator.Config{NoKeys: true}, worker: noKeys,
			chapters: []chapter{doubted(nothing), paid(nothing)}, requests: 1,
		},
		"a gateway without keys has never seen it": {
			method: "pm_drop_before", sim: simulator.Config{NoKeys: true}, worker: noKeys,
			chapters: []chapter{doubted(nothing), doubted(nothing), review(dayLater)}, requests: 1,
		},
		"refused as it is": {
			method:   "pm_reject",
			chapters: []chapter{rejected(nothing)}, requests: 1,
		},
		"refused after it was in doubt": {
			method: "pm_drop_before_1_then_reject", worker: twice, requests: 3,
			chapters: []chapter{doubted(nothing), rejected(dayLater)},
		},
		"try later, in a later run": {
			method: "pm_try_later_1_then_ok", requests: 1,
			chapters: []chapter{putOff(nothing), paid(nothing)},
		},
	}
}

// TestOutcomes follows one charge through every kind of answer, and lack of one.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for name, s := range stories() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := lent.world(t, s.sim)
			w.enrol(s.method)
			k := w.worker()
			if s.worker != nil {
				s.worker(k)
			}
			if s.before != nil {
				s.before(w)
			}
			for n, c := range s.chapters {
				c.before(w)
				result := k.run(t)
				attempt, invoice := w.newest()
				require.Equal(t, c.left, left{result.Exit, attempt, invoice}, "run %d: %v", n+1, result)
			}
			if s.after != nil {
				s.after(w)
			}
			require.Equal(t, s.requests, w.sim.Requests()[billing.Key(1, w.date, 1)], "requests under the first key")
			if !s.otherBytes {
				w.reconcile()
				return
			}
			problems, err := e2e.Problems(t.Context(), w.db.DB, w.date, w.sim)
			require.NoError(t, err)
			require.Equal(t, []string{"different bytes were sent under " + billing.Key(1, w.date, 1)}, problems)
		})
	}
}

// showsOurs gives the shop a payment that its gateway took an hour ago.
func showsOurs(w *world) {
	worktest.Taken(w.t, w.db, w.sim, "main", time.Now().Add(-time.Hour))
}

// shut makes the gateway one that can neither be asked nor listed.
func shut(k *worker) {
	noFind(k)
	noList(k)
}

// newest is how the last attempt and its invoice stand.
func (w *world) newest() (billing.AttemptStatus, billing.InvoiceStatus) {
	w.t.Helper()
	var row struct{ Attempt, Invoice string }
	require.NoError(w.t, w.db.GetContext(w.t.Context(), &row, `SELECT a.status AS attempt, i.status AS invoice
FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id ORDER BY a.id DESC LIMIT 1`))
	return billing.AttemptStatus(row.Attempt), billing.InvoiceStatus(row.Invoice)
}
