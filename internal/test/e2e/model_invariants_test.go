package e2e_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// modelTables is what the tables say after a move.
type modelTables struct {
	attempts      map[uint64]modelAttempt
	invoices      map[uint64]modelInvoice
	subscriptions map[uint64]modelSubscription
	events        map[string]string // type by dedupe key
}

type modelAttempt struct {
	modelCharge

	ID      uint64
	Invoice uint64 `db:"invoice_id"`
	No      int    `db:"attempt_no"`
	Stage   int
	Status  string
	Class   string `db:"decline_class"`
	Run     uint64 `db:"run_id"`
	Lease   string
	LookUp  bool         `db:"lookup_only"`
	Created time.Time    `db:"created_at"`
	Settled sql.NullTime `db:"settled_at"`
}

// modelCharge is what a request is made of.
type modelCharge struct {
	Gateway     string
	Key         string `db:"idempotency_key"`
	Reference   string
	Customer    string `db:"customer_id"`
	Method      string `db:"payment_method"`
	MethodType  string `db:"method_type"`
	Description string
	Amount      int64
	Currency    string
}

type modelInvoice struct {
	ID           uint64
	Subscription uint64 `db:"subscription_id"`
	Due          payment.Date
	Amount       int64
	Status       string
	Stage        int
	Attempts     int
	Next         payment.Date
}

// modelSubscription is what says whether and how a subscription may be charged.
type modelSubscription struct{ Status, Gateway, Method string }

func (s *modelSlot) state() string {
	switch s.phase {
	case slotClaimed:
		return "not begun"
	case slotReady:
		return "about to send"
	case slotWaiting:
		return "waiting"
	case slotDone:
		o := s.result.Answer.Outcome
		return fmt.Sprintf("%s, verdict %d (%s)", o.Kind, s.result.Verdict, o.Reason)
	}
	return ""
}

func (m modelLookUps) String() string { return []string{"pass", "fail", "break off"}[m] }

// look reads the tables anew.
func (w *modelWorld) look() {
	w.t.Helper()
	w.before, w.written = w.read(), false
}

func (w *modelWorld) read() modelTables {
	w.t.Helper()
	now := modelTables{
		attempts: map[uint64]modelAttempt{}, invoices: map[uint64]modelInvoice{},
		subscriptions: map[uint64]modelSubscription{}, events: map[string]string{},
	}
	var attempts []modelAttempt
	require.NoError(w.t, w.db.SelectContext(w.ctx(), &attempts, `SELECT id, invoice_id, attempt_no, stage, status,
COALESCE(decline_class, '') AS decline_class, run_id, HEX(lease) AS lease, lookup_only, created_at, settled_at, gateway, idempotency_key,
reference, customer_id, payment_method, method_type, description, amount, currency FROM payment_attempts`))
	for _, a := range attempts {
		now.attempts[a.ID] = a
	}
	var invoices []modelInvoice
	require.NoError(w.t, w.db.SelectContext(w.ctx(), &invoices,
		`SELECT id, subscription_id, due_date AS due, amount, status, stage, attempts, next_attempt_date AS next FROM invoices`))
	for _, i := range invoices {
		now.invoices[i.ID] = i
	}
	var rest []struct {
		ID   uint64
		Kind string
		Text string

		modelSubscription
	}
	require.NoError(w.t, w.db.SelectContext(w.ctx(), &rest, `SELECT id, '' AS kind, '' AS text, status, gateway, payment_method AS method FROM subscriptions
UNION ALL SELECT id, type, dedupe_key, '', '', '' FROM events`))
	for _, r := range rest {
		if r.Kind == "" {
			now.subscriptions[r.ID] = r.modelSubscription
		} else {
			now.events[r.Text] = r.Kind
		}
	}
	return now
}

// check looks for everything that must not be after a move.
func (w *modelWorld) check() { w.t.Helper(); w.checkThat(modelAttempt.mayBecome) }

// checkThat is check with a rule of its own for what may have become of attempts.
func (w *modelWorld) checkThat(mayBecome func(was, is modelAttempt) bool) {
	w.t.Helper()
	now := w.before
	if w.written {
		now, w.written = w.read(), false
	}
	problems := slices.Concat(w.ledgerProblems(now), now.invoiceProblems(), now.eventProblems(), w.before.changesTo(now, mayBecome))
	if len(problems) > 0 {
		w.fail("%s", strings.Join(problems, "\n"))
	}
	w.before = now
}

// ledgerProblems: I1, I3 and I5 at the gateways.
func (w *modelWorld) ledgerProblems(now modelTables) []string {
	var problems []string
	took := map[string]int{}
	executed := map[string][]simulator.Entry{}
	for _, name := range []string{modelMain, modelSecond} {
		for e := range w.net.sims[name].Entries() {
			executed[e.Key] = append(executed[e.Key], e)
			if e.TookMoney() {
				took[e.Reference]++
			}
		}
		for _, key := range w.net.sims[name].BodyViolations() {
			problems = append(problems, "I3: different bytes were sent under "+key)
		}
	}
	for reference, n := range took {
		if n > 1 {
			problems = append(problems, fmt.Sprintf("I1: %s was charged %d times", reference, n))
		}
	}
	for _, a := range now.attempts {
		problems = append(problems, w.answerProblems(a, executed[a.Key])...)
		delete(executed, a.Key)
	}
	for key := range executed {
		if strings.HasPrefix(key, "ord_") { // the shop's own
			continue
		}
		problems = append(problems, "I3: no attempt has the key "+key)
	}
	return problems
}

// answerProblems compares how an attempt stands with what was executed under its key.
func (w *modelWorld) answerProblems(a modelAttempt, executed []simulator.Entry) []string {
	said := func(status payment.Status) bool {
		return slices.ContainsFunc(executed, func(e simulator.Entry) bool { return e.Status == status })
	}
	var problem string
	switch a.Status {
	case "succeeded":
		if !said(payment.Succeeded) {
			problem = "succeeded here alone"
		}
	case "declined":
		if !said(payment.Declined) || said(payment.Succeeded) {
			problem = "declined here alone"
		}
	case "released":
		onItsWay := slices.ContainsFunc(w.net.messages, func(m *modelMessage) bool { return m.key == a.Key })
		if len(executed) > 0 || onItsWay {
			problem = "released, and was or may be executed"
		}
	case "rejected":
		if len(executed) > 0 {
			problem = "rejected, and was executed"
		}
	}
	if problem == "" {
		return nil
	}
	return []string{"I5: " + a.Key + " is " + problem}
}

// invoiceProblems: I4, and that statuses go together.
func (t modelTables) invoiceProblems() []string {
	var problems []string
	unsettled, succeeded, attempts := map[uint64]int{}, map[uint64]int{}, map[uint64]int{}
	stages := map[uint64]map[int]time.Time{}
	for _, a := range t.attempts {
		attempts[a.Invoice]++
		if a.No < t.invoices[a.Invoice].Attempts && a.Status != "declined" && a.Status != "rejected" {
			problems = append(problems, fmt.Sprintf("%s is %s, and there is another attempt after it", a.Key, a.Status))
		}
		switch a.Status {
		case "in_flight", "in_doubt":
			unsettled[a.Invoice]++
		case "succeeded":
			succeeded[a.Invoice]++
		}
		if a.Class != "" {
			if stages[a.Invoice] == nil {
				stages[a.Invoice] = map[int]time.Time{}
			}
			if _, twice := stages[a.Invoice][a.Stage]; twice {
				problems = append(problems, fmt.Sprintf("I6: stage %d of invoice %d was used up twice", a.Stage, a.Invoice))
			}
			stages[a.Invoice][a.Stage] = a.Settled.Time
		}
	}
	once := map[string]bool{}
	for id, i := range t.invoices {
		due := fmt.Sprintf("subscription %d, %s", i.Subscription, i.Due)
		switch {
		case once[due]:
			problems = append(problems, "I1: two invoices for "+due)
		case unsettled[id] > 1:
			problems = append(problems, fmt.Sprintf("I4: invoice %d has %d unsettled attempts", id, unsettled[id]))
		case (i.Status == "charging") != (unsettled[id] == 1):
			problems = append(problems, fmt.Sprintf("invoice %d is %s with %d unsettled attempts", id, i.Status, unsettled[id]))
		case (i.Status == "paid") != (succeeded[id] == 1):
			problems = append(problems, fmt.Sprintf("invoice %d is %s with %d attempts that succeeded", id, i.Status, succeeded[id]))
		case i.Attempts != attempts[id]:
			problems = append(problems, fmt.Sprintf("invoice %d has %d attempts and says %d", id, attempts[id], i.Attempts))
		}
		once[due] = true
		for stage, at := range stages[id] {
			next, ok := stages[id][stage+1]
			if ok && !payment.DateOf(next).Time().After(at) {
				problems = append(problems, fmt.Sprintf("invoice %d: stages %d and %d on one day", id, stage, stage+1))
			}
		}
	}
	return problems
}

// eventProblems: I11, and that nothing is told twice.
func (t modelTables) eventProblems() []string {
	want := map[string]bool{}
	for _, a := range t.attempts {
		if a.Class != "" {
			want["payment.failed:"+a.Key] = true
		}
		if a.Class == "action" {
			want["payment.action_required:"+a.Key] = true
		}
		if t.invoices[a.Invoice].Status == "paid" {
			want["invoice.paid:"+a.Reference] = true
		}
	}
	var problems []string
	for key := range want {
		if t.events[key] == "" {
			problems = append(problems, "I11: no event "+key)
		}
	}
	for key, kind := range t.events {
		// A stage that passes without an attempt has an event of its own.
		counted := kind == "invoice.paid" || kind == "payment.failed" && !strings.Contains(key, ":stage-") || kind == "payment.action_required"
		if counted && !want[key] {
			problems = append(problems, "I11: nothing has happened that "+key+" tells of")
		}
	}
	return problems
}

// changesTo: I8, and that duly's own changes are those that it may make.
func (t modelTables) changesTo(now modelTables, mayBecome func(was, is modelAttempt) bool) []string {
	var problems []string
	for id, was := range t.attempts {
		is, ok := now.attempts[id]
		switch {
		case !ok:
			problems = append(problems, fmt.Sprintf("attempt %d is gone", id))
		case !mayBecome(was, is):
			problems = append(problems, fmt.Sprintf("I8: an attempt changed from\n  %+v to\n  %+v", was, is))
		}
	}
	for id, was := range t.invoices {
		is := now.invoices[id]
		final := was.Status == "paid" || was.Status == "uncollectible" || was.Status == "void" || was.Status == "review"
		if final && is != was || is.Stage < was.Stage || is.Amount != was.Amount {
			problems = append(problems, fmt.Sprintf("an invoice changed from %+v to %+v", was, is))
		}
	}
	for id, subscription := range t.subscriptions {
		was, is := subscription.Status, now.subscriptions[id].Status
		if is != was && (was == "paused" || was == "cancelled" || is == "paused") {
			problems = append(problems, fmt.Sprintf("subscription %d was made %s, and was %s", id, is, was))
		}
	}
	for key, kind := range t.events {
		if now.events[key] != kind {
			problems = append(problems, "event "+key+" is gone")
		}
	}
	return problems
}

// mayBecome says whether an attempt may change so in one move. A released one is begun anew, with what the
// subscription says by then; anything else that is settled stays as it is.
func (a modelAttempt) mayBecome(b modelAttempt) bool {
	if a == b {
		return true
	}
	same := a.modelCharge == b.modelCharge && a.Created.Equal(b.Created) && a.Stage == b.Stage
	switch a.Status {
	case "in_flight": // settled under the lease, or taken over
		return a.mayEndAs(b) && same && (b.Status == "in_flight" || a.Lease == b.Lease)
	case "in_doubt":
		return a.mayEndAs(b) && same && b.Status == "in_flight" && b.Lease != a.Lease
	case "released":
		return a.mayEndAs(b) && b.Status == "in_flight" && b.Lease != a.Lease
	}
	return false
}

// mayEndAs is mayBecome for any number of moves.
func (a modelAttempt) mayEndAs(b modelAttempt) bool {
	switch a.Status {
	case "in_flight", "in_doubt", "released":
		return a.ID == b.ID && a.No == b.No && a.Invoice == b.Invoice && a.Key == b.Key && a.Reference == b.Reference
	}
	return a == b
}

// arrived checks a request that has just left: I3, and that its sender had the right to send it. Then it is on
// its way.
func (w *modelWorld) arrived(s *modelSlot) {
	w.t.Helper()
	m := s.waits
	now := w.clock.now()
	var body struct {
		Reference   string `json:"reference"`
		Customer    string `json:"customer_id"`
		Method      string `json:"payment_method"`
		MethodType  string `json:"method_type"`
		Amount      int64  `json:"amount"`
		Currency    string `json:"currency"`
		Description string `json:"description"`
	}
	require.NoError(w.t, json.Unmarshal(m.body, &body))
	sent := modelCharge{
		m.gateway, m.key, body.Reference, body.Customer, body.Method, body.MethodType, body.Description, body.Amount, body.Currency,
	}
	var found *modelAttempt
	for _, a := range w.before.attempts {
		if a.Key == m.key {
			found = &a
		}
	}
	chargeable := s.subscription.Status != "cancelled"
	if s.item.Doubted {
		chargeable = chargeable && s.subscription.Gateway == m.gateway && s.subscription.Method == sent.Method
	}
	switch keyed := m.gateway == modelSecond || !w.shape.noKeys; {
	case found == nil:
		w.fail("I3: %s was sent before its attempt was committed", m.key)
	case found.modelCharge != sent:
		w.fail("I3: sent was\n  %+v and committed\n  %+v", sent, found.modelCharge)
	case found.Status != "in_flight" || found.Run != s.run.x.Run.ID:
		w.fail("%s was sent by %s, which does not own it: it is %s of run %d", m.key, s.run.name, found.Status, found.Run)
	case found.LookUp || !chargeable:
		w.fail("%s was sent, and must only be asked about: the subscription was %+v", m.key, s.subscription)
	case keyed && now.Sub(found.Created) >= modelKeyLife-modelLongest:
		w.fail("%s was sent %s after it was created", m.key, now.Sub(found.Created))
	case !keyed && w.net.maybeExecuted[m.gateway+"/"+m.key] > 0:
		w.fail("%s was sent again to a gateway without keys", m.key)
	}
	w.net.maybeExecuted[m.gateway+"/"+m.key]++
	m.deadline = now.Add(modelLongest)
	if w.mayLinger(s, m) && w.chance(40) {
		m.deadline = m.deadline.Add(modelLongest)
		w.say("%s stops between check and send", s.run.name)
	}
	s.sends++
	w.net.messages = append(w.net.messages, m)
	w.count("sends")
}

// mayLinger says whether the process may have stopped between check and send, for as long as a request lasts at
// most. It knows then that nothing was executed when it began the item; what it sent itself since, or somebody
// else may have where nobody can ask, could be forgotten by the time the request arrives.
func (w *modelWorld) mayLinger(s *modelSlot, m *modelMessage) bool {
	canAsk := m.gateway == modelSecond || !w.shape.noFind && !w.shape.noKeys
	return canAsk && s.sends == 0 && w.clock.now().Sub(s.begun) <= modelLongest
}

// unexecuted notes that a request is known not to have been executed.
func (w *modelWorld) unexecuted(m *modelMessage) { w.net.maybeExecuted[m.gateway+"/"+m.key]-- }

// knownToNobody reports whether a problem is a charge that was left to an operator, because the gateway could not
// be asked about it.
func (w *modelWorld) knownToNobody(problem string) bool {
	key, _, ok := strings.Cut(problem, " was charged, and here it is review, its invoice review")
	if !ok {
		return false
	}
	var silent int
	err := w.db.GetContext(w.ctx(), &silent, `SELECT COUNT(*) FROM payment_attempts WHERE idempotency_key = ?
AND message LIKE '%look whether the customer was charged'`, key)
	return err == nil && silent > 0
}
