package e2e_test

import (
	"net/http"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/runs"
	"duly/internal/test/e2e"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// modelMove is something that may happen now; a move of twice the weight happens twice as often.
type modelMove struct {
	kind   string
	weight int
	play   func()
}

// favour is what a trace multiplies the weight of a kind of move by. Each trace has its own: what needs many
// moves of one kind is rare where all kinds are alike.
func (w *modelWorld) favour(kind string) int {
	favour, ok := w.favours[kind]
	if !ok {
		favour = []int{1, 3, 3, 9}[w.random.IntN(4)]
		w.favours[kind] = favour
	}
	return favour
}

// move makes one move and checks what came of it.
func (w *modelWorld) move() {
	w.t.Helper()
	if w.chance(50) {
		w.pass(time.Duration(w.random.IntN(20_000)) * time.Millisecond)
	}
	moves := []modelMove{{"tick", 8, w.tick}, {"shop", 2, w.shop}}
	if w.chance(20) {
		moves = append(moves, modelMove{"next day", 2, w.nextDay})
	}
	if w.due = w.work(); w.due.charges+len(w.due.open) < 2 {
		moves = append(moves, modelMove{"enrol", 20, w.enrol})
	}
	for worker := range w.runs {
		moves = append(moves, w.workerMoves(worker)...)
	}
	for _, m := range w.net.messages {
		moves = append(moves, w.messageMoves(m)...)
	}
	total := 0
	for i := range moves {
		moves[i].weight *= w.favour(moves[i].kind)
		total += moves[i].weight
	}
	at := w.random.IntN(total)
	for _, m := range moves {
		if at -= m.weight; at < 0 {
			m.play()
			break
		}
	}
	w.check()
}

// modelWork is what there is to do.
type modelWork struct {
	open    []int // stages of invoices that may be charged today
	charges int   // invoices under way
	orphans int   // attempts in doubt, or of processes that do not run
	running int   // processes
}

// work sums up what there is to do.
func (w *modelWorld) work() modelWork {
	var work modelWork
	awake := map[uint64]bool{}
	for _, r := range w.runs {
		if r != nil {
			work.running++
			awake[r.x.Run.ID] = !r.asleep && r.x.Lease.Left() > 0
		}
	}
	for _, i := range w.before.invoices {
		switch {
		case i.Status == "charging":
			work.charges++
		case i.Status == "open" && i.Next <= w.today():
			work.open = append(work.open, i.Stage)
		}
	}
	slices.Sort(work.open)
	for _, a := range w.before.attempts {
		if a.Status == "in_doubt" || a.Status == "in_flight" && !awake[a.Run] {
			work.orphans++
		}
	}
	return work
}

func (w *modelWorld) workerMoves(worker int) []modelMove {
	r := w.runs[worker]
	switch {
	case r == nil:
		return []modelMove{{"start", 1 + 6*(len(w.due.open)+w.due.orphans)/(1+2*w.due.running), func() { w.start(worker) }}}
	case r.asleep:
		return []modelMove{{"wake", 6, func() { w.wake(r) }}, {"crash", 1, func() { w.crash(worker) }}}
	}
	lost := r.x.Lease.Left() <= 0
	if len(r.slots) == 0 {
		if r.stopped || lost {
			return []modelMove{{"finish", 10, func() { w.finish(worker) }}}
		}
		return []modelMove{
			{"finish", 1 + 4*r.barren, func() { w.finish(worker) }},
			{"collect", 1 + 15*len(w.due.open)/(1+8*r.barren), func() { w.collect(r) }},
			{"recover", 15 * w.due.orphans / (1 + 8*w.fruitless), func() { w.recover(r) }},
		}
	}
	moves := []modelMove{{"crash", 1, func() { w.crash(worker) }}, {"sleep", 1, func() { w.sleep(r) }}}
	if !r.stopped {
		moves = append(moves, modelMove{"stop", 1, func() { w.ask(r) }})
	}
	if !r.done && !r.stopped && !lost {
		moves = append(moves, modelMove{"claim", 2, func() { w.claim(r) }})
	}
	done := 0
	for _, s := range r.slots {
		switch s.phase {
		case slotClaimed:
			moves = append(moves, modelMove{"process", 20, func() { w.process(s) }})
		case slotReady:
			moves = append(moves, modelMove{"send", 16, func() { w.send(s) }})
		case slotWaiting:
			moves = append(moves, modelMove{"time out", 4, func() { w.timeOut(s) }})
		case slotDone:
			done++
		}
	}
	if done > 0 {
		moves = append(moves, modelMove{"settle", 20, func() { w.settle(r, 1+w.random.IntN(done)) }})
	}
	return moves
}

// collect begins the step that charges the invoices of a stage, and makes its first claim.
func (w *modelWorld) collect(r *modelRun) {
	w.t.Helper()
	stage := w.random.IntN(4)
	if n := len(w.due.open); n > 0 {
		stage = w.due.open[w.random.IntN(n)]
	}
	w.say("%s collects stage %d", r.name, stage)
	w.stage(r, stage)
	n := w.claim(r)
	w.seen["claims"] += n
	if r.barren++; n > 0 {
		r.barren = 0
	}
}

// recover begins the step that asks about what is in doubt, and makes its first claim.
func (w *modelWorld) recover(r *modelRun) {
	w.t.Helper()
	w.catchUpHeartbeats()
	dead, err := w.repository().Abandon(r.x.Work, runs.Taker{})
	require.NoError(w.t, err)
	w.say("%s recovers, runs %v are dead", r.name, dead)
	w.recovery(r, w.chance(70))
	n := w.claim(r)
	w.seen["recoveries"] += n
	if n == 0 {
		w.fruitless++
	}
}

// process begins an item. A recovery looks it up first, which may fail.
func (w *modelWorld) process(s *modelSlot) {
	w.t.Helper()
	mode := lookUpsPass
	switch {
	case w.chance(8):
		mode = lookUpsFail
	case w.chance(8):
		mode = lookUpsBreak
	}
	w.net.setLookUps(mode)
	w.begin(s)
	w.net.setLookUps(lookUpsPass)
	w.say("%s takes %s up, look-ups %s: %s", s.run.name, s.item.Charge.Key, mode, s.state())
}

// send lets a slot send; its guard has the last word.
func (w *modelWorld) send(s *modelSlot) {
	w.t.Helper()
	s.resume <- struct{}{}
	w.await(s)
	w.say("%s sends %s: %s", s.run.name, s.item.Charge.Key, s.state())
	switch {
	case s.phase == slotDone:
		w.count("sends refused by the guard")
	case w.chance(25): // the moment that matters most
		w.crash(slices.Index(w.runs, s.run))
	}
}

// timeOut ends a slot's wait. Its request goes on its way.
func (w *modelWorld) timeOut(s *modelSlot) {
	w.t.Helper()
	w.answer(s, modelReply{})
	w.count("time-outs")
	w.say("%s waits no longer for %s: %s", s.run.name, s.item.Charge.Key, s.state())
}

// ask asks a process to stop, as SIGTERM does.
func (w *modelWorld) ask(r *modelRun) {
	w.say("%s is asked to stop", r.name)
	r.stopped = true
	r.stop()
}

// crash ends a process. For somebody who is dead the lease may run out at any time.
func (w *modelWorld) crash(worker int) {
	w.t.Helper()
	r := w.runs[worker]
	w.catchUpHeartbeats()
	require.NoError(w.t, r.die())
	w.runs[worker] = nil
	w.count("crashes")
	w.say("%s crashes", r.name)
	if w.chance(75) {
		w.expire(r)
	}
}

// sleep stops a process, for a while or until its lease has run out.
func (w *modelWorld) sleep(r *modelRun) {
	w.t.Helper()
	w.beat() // from now on the process and the table count from the same moment
	w.catchUpHeartbeats()
	r.asleep = true
	w.say("%s falls asleep", r.name)
	if w.chance(50) {
		w.expire(r)
	}
}

// expire lets the lease of a process that does not run run out now.
func (w *modelWorld) expire(r *modelRun) {
	w.t.Helper()
	w.say("the lease of %s runs out", r.name)
	w.fruitless = 0
	r.x.Lease.Lose()
	w.exec(`UPDATE job_runs SET heartbeat_at = heartbeat_at - INTERVAL ? MICROSECOND WHERE id = ?`, 2*modelLease.Microseconds(), r.x.Run.ID)
}

// wake lets a process go on, with the answers that reached it meanwhile.
func (w *modelWorld) wake(r *modelRun) {
	w.t.Helper()
	w.catchUpHeartbeats()
	r.asleep, r.woken = false, true
	w.count("awakenings")
	w.say("%s wakes, its lease has %s left", r.name, r.x.Lease.Left())
	for _, s := range r.slots {
		if s.queued == nil {
			continue
		}
		reply := *s.queued
		s.queued = nil
		w.answer(s, reply)
		w.say("%s reads the answer for %s: %s", r.name, s.item.Charge.Key, s.state())
	}
}

func (w *modelWorld) messageMoves(m *modelMessage) []modelMove {
	moves := []modelMove{
		{"deliver in vain", 2, func() { w.deliverInVain(m) }},
		{"lose", 1, func() { w.lose(m) }},
	}
	s := w.waiter(m)
	if s == nil {
		return moves
	}
	return append(moves,
		modelMove{"answer", 6, func() { w.deliver(s, m) }},
		modelMove{"fail", 2, func() { w.deliverAndFail(s, m) }},
		modelMove{"refuse", 6, func() { w.refuse(s, m) }},
		modelMove{"fail", 2, func() { w.failUnexecuted(s, m) }},
	)
}

func (w *modelWorld) take(m *modelMessage) {
	w.net.messages = slices.DeleteFunc(w.net.messages, func(x *modelMessage) bool { return x == m })
}

// deliver lets a request take effect and its worker have the answer.
func (w *modelWorld) deliver(s *modelSlot, m *modelMessage) {
	w.t.Helper()
	w.take(m)
	reply := w.net.deliver(m)
	w.count("answers")
	w.answer(s, reply)
	w.say("%s is delivered, answered %d: %s", m.key, reply.status, s.state())
}

// deliverInVain lets a request take effect, and its answer be lost.
func (w *modelWorld) deliverInVain(m *modelMessage) {
	w.take(m)
	w.count("answers lost")
	w.say("%s is delivered, the answer %d is lost", m.key, w.net.deliver(m).status)
}

// deliverAndFail lets a request take effect and be answered by an error.
func (w *modelWorld) deliverAndFail(s *modelSlot, m *modelMessage) {
	w.t.Helper()
	w.take(m)
	effect := w.net.deliver(m)
	reply := w.error()
	w.answer(s, reply)
	w.say("%s is delivered (%d), answered %d: %s", m.key, effect.status, reply.status, s.state())
}

// failUnexecuted loses a request before the gateway and answers it by an error that does not say so.
func (w *modelWorld) failUnexecuted(s *modelSlot, m *modelMessage) {
	w.t.Helper()
	w.take(m)
	reply := w.error()
	w.answer(s, reply)
	w.say("%s is lost, answered %d: %s", m.key, reply.status, s.state())
}

// error is an answer that says nothing about the charge.
func (w *modelWorld) error() modelReply {
	replies := []modelReply{
		{status: http.StatusInternalServerError},
		{status: http.StatusGatewayTimeout},
		{status: http.StatusConflict, body: []byte(`{"code":"request_under_way","message":"wait"}`)},
		{status: http.StatusOK, body: []byte(`<html>`)},
		{status: http.StatusBadRequest},
		{status: http.StatusUnprocessableEntity, body: []byte(`{"code":"key_reused","message":"another body"}`)},
	}
	return replies[w.random.IntN(len(replies))]
}

// refuse answers a request by what says that this one was not executed.
func (w *modelWorld) refuse(s *modelSlot, m *modelMessage) {
	w.t.Helper()
	w.take(m)
	replies := []modelReply{
		{status: http.StatusTooManyRequests},
		{status: http.StatusTooManyRequests},
		{status: http.StatusServiceUnavailable, header: http.Header{"Not-Executed": {"true"}}},
		{status: http.StatusBadRequest, body: []byte(`{"code":"invalid_request","message":"no"}`)},
		{status: http.StatusUnauthorized, body: []byte(`{"code":"unauthorized","message":"who are you"}`)},
	}
	reply := replies[w.random.IntN(len(replies))]
	w.unexecuted(m)
	w.count("refusals")
	w.answer(s, reply)
	w.say("%s is refused, %d: %s", m.key, reply.status, s.state())
}

// lose loses a request.
func (w *modelWorld) lose(m *modelMessage) {
	w.take(m)
	w.count("requests lost")
	w.say("%s is lost", m.key)
}

// tick lets time pass: anyhow, or to where the age of an attempt begins to mean something else.
func (w *modelWorld) tick() {
	w.t.Helper()
	minutes := []int{1, 2, 5, 5, 10, 10, 15, 45}
	if len(w.net.messages) > 0 && w.chance(80) {
		minutes = []int{1, 2, 4, 7} // a request is on its way for long
	}
	d := time.Duration(minutes[w.random.IntN(len(minutes))]) * time.Minute
	if edges := w.edges(); len(edges) > 0 && w.chance(50) {
		d = edges[w.random.IntN(len(edges))]
	}
	w.fruitless = 0
	w.pass(d)
	w.say("%s pass", d)
}

// edges are the times until some attempt is as old as the protocol asks about, or all but.
func (w *modelWorld) edges() []time.Duration {
	const before, after = -time.Minute, 10 * time.Second
	ages := []time.Duration{
		modelKeyLife - modelLongest + before, modelKeyLife - modelLongest + after, modelKeyLife + after,
		modelKeyLife + modelLongest + after,
	}
	var found []time.Duration
	for _, a := range w.before.attempts {
		if a.Status != "in_flight" && a.Status != "in_doubt" {
			continue
		}
		for _, age := range ages {
			if left := age - w.clock.now().Sub(a.Created); left > 0 {
				found = append(found, left)
			}
		}
	}
	slices.Sort(found)
	return found
}

func (w *modelWorld) nextDay() {
	w.t.Helper()
	w.pass(24 * time.Hour)
	w.say("a day passes")
}

// pass moves the clock on by d. No request outlives its deadline. A worker that is awake sends heartbeats.
func (w *modelWorld) pass(d time.Duration) {
	w.t.Helper()
	for end := w.clock.now().Add(d); w.clock.now().Before(end); {
		w.beat()
		next := w.clock.now().Add(modelLease / 3)
		if next.After(end) {
			next = end
		}
		for _, m := range w.net.messages {
			if m.deadline.Before(next) {
				next = m.deadline
			}
		}
		w.behind += next.Sub(w.clock.now())
		w.clock.set(next)
		w.overdue()
	}
}

// overdue delivers or loses the requests whose last moment has come.
func (w *modelWorld) overdue() {
	for _, m := range slices.Clone(w.net.messages) {
		switch {
		case m.deadline.After(w.clock.now()):
		case w.chance(60):
			w.count("late requests")
			w.deliverInVain(m)
		default:
			w.lose(m)
		}
	}
}

// beat renews the leases of those who are awake.
func (w *modelWorld) beat() {
	w.t.Helper()
	for _, r := range w.runs {
		switch {
		case r == nil || r.asleep || r.x.Lease.Left() <= 0:
		case r.woken:
			r.woken = false
			if err := w.repository().Beat(r.x.Work, r.x.Run, nil); err != nil {
				require.ErrorIs(w.t, err, batch.ErrLeaseLost)
				r.x.Lease.Lose()
				continue
			}
			r.x.Lease.Renew(w.clock.now())
		default:
			// As good as a heartbeat: the row of a run that is awake never grows old.
			r.x.Lease.Renew(w.clock.now())
		}
	}
}

// catchUpHeartbeats lets the heartbeats of those who send none grow old by the time that has passed: leases go
// by the database's clock, which does not know of it.
func (w *modelWorld) catchUpHeartbeats() {
	w.t.Helper()
	awake := []any{w.behind.Microseconds(), 0}
	marks := "?"
	for _, r := range w.runs {
		if r != nil && !r.asleep && r.x.Lease.Left() > 0 {
			awake, marks = append(awake, r.x.Run.ID), marks+",?"
		}
	}
	w.exec(`UPDATE job_runs SET heartbeat_at = heartbeat_at - INTERVAL ? MICROSECOND WHERE status = 'running' AND id NOT IN (`+marks+`)`, awake...)
	w.behind = 0
}

// shop changes a row as shops do, whenever they like.
func (w *modelWorld) shop() {
	w.t.Helper()
	var ids []uint64
	require.NoError(w.t, w.db.SelectContext(w.ctx(), &ids, `SELECT id FROM subscriptions ORDER BY id`))
	id := ids[w.random.IntN(len(ids))]
	changes := []struct {
		what  string
		value any
	}{
		{"payment_method = ?", w.method()},
		{"payment_method = ?", w.method()},
		{"amount = ?", 20_000 + w.brought},
		{"description = ?", w.method()},
		{"method_type = ?", "account"},
		{"customer_id = ?", w.method()},
		{"gateway = ?", w.gateway()},
		{"next_billing_date = ?", w.today()},
		{"status = IF(status = 'cancelled', status, ?)", "paused"},
		{"status = ?", "cancelled"},
	}
	change := changes[w.random.IntN(len(changes))]
	w.say("the shop: subscription %d: %s, %v", id, change.what, change.value)
	w.exec(`UPDATE subscriptions SET `+change.what+` WHERE id = ?`, change.value, id)
	w.count("changes of the shop")
	w.look()
}

// close ends the disturbances and lets one worker, and a few runs of it at most, settle everything. Processes
// that sleep until then may do no harm when they wake.
func (w *modelWorld) close() {
	w.t.Helper()
	w.catchUpHeartbeats()
	for worker, r := range w.runs {
		switch {
		case r == nil:
		case len(r.slots) > 0 && w.chance(50):
			r.asleep = true
			w.zombies = append(w.zombies, r)
			w.runs[worker] = nil
			w.say("%s sleeps until the end", r.name)
		default:
			w.crash(worker)
		}
	}
	w.pass(modelKeyLife + 2*modelLongest + time.Hour)
	w.catchUpHeartbeats()
	w.net.clear()
	w.others(w.clock.now().Add(-30 * 24 * time.Hour))
	w.clock.run()
	w.job(jobs.StepRecover)
	w.pass(modelLongest + time.Minute) // what a dead worker may just have sent takes effect by then, or never
	w.settleAll()
	w.reconcile()
	w.wakeZombies()
}

// settleAll runs the job until it leaves nothing.
func (w *modelWorld) settleAll() {
	w.t.Helper()
	for range 6 { // a charge may be put off, and a subscription be invoiced once the invoice before is paid
		w.others(w.clock.now())
		result := w.job()
		w.say("the last job exits %d, leaves %v", result.Exit, result.Left)
		require.NoError(w.t, result.Err)
		w.checkThat(modelAttempt.mayEndAs)
		if result.Exit == batch.ExitDone || result.Exit == batch.ExitReview {
			return
		}
		w.pass(modelLongest + time.Minute) // what a dead worker may just have sent takes effect by then, or never
	}
	w.fail("the last job does not come to an end")
}

// others lets somebody else pay at every gateway, by which it is known that it shows what it took.
func (w *modelWorld) others(at time.Time) {
	w.t.Helper()
	for name, sim := range w.net.sims {
		worktest.Taken(w.t, w.db, sim, name, at)
	}
}

// wakeZombies lets processes go on whose attempts others have settled.
func (w *modelWorld) wakeZombies() {
	w.t.Helper()
	before := w.before
	for _, r := range w.zombies {
		w.wake(r)
		for _, s := range r.slots {
			switch s.phase {
			case slotClaimed:
				w.begin(s)
			case slotWaiting:
				w.timeOut(s)
			case slotReady, slotDone:
			}
			for s.phase != slotDone {
				w.send(s)
				require.NotEqual(w.t, slotWaiting, s.phase)
			}
		}
		w.settle(r, len(r.slots))
		w.count("late awakenings")
	}
	w.check()
	require.Equal(w.t, before, w.before, "a worker that had lost its lease has changed something")
	w.reconcile()
}

// reconcile compares the ledgers with the tables.
func (w *modelWorld) reconcile() {
	w.t.Helper()
	problems, err := e2e.Problems(w.t.Context(), w.db.DB, w.today(), w.net.sims[modelMain], w.net.sims[modelSecond])
	require.NoError(w.t, err)
	require.Empty(w.t, slices.DeleteFunc(problems, w.knownToNobody))
}
