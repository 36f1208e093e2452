package billing

import (
	"fmt"
	"strconv"
	"strings"
)

// KeyNumber returns the number at the end of an idempotency key of an invoice. ok is false if key has none.
func KeyNumber(key string) (n int, ok bool) {
	at := strings.LastIndexByte(key, '-')
	if at < 0 {
		return 0, false
	}
	digits := key[at+1:]
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || strconv.Itoa(n) != digits {
		return 0, false
	}
	return n, true
}

// ended reports whether a is proven to have ended without money taken or still to be taken: the number of the key may
// move past it. Attempts from before proofs were stored are believed if they were declined.
func (a PastAttempt) ended() bool {
	return a.Proof.known() || a.Proof == "" && a.Account == 0 && a.Status == AttemptDeclined
}

// unproven reports whether a forbids another attempt until somebody has proven what became of it.
func (a PastAttempt) unproven() bool { return a.ID != 0 && a.Status != AttemptReleased && !a.ended() }

func (p Proof) known() bool { return p == ProofAnswer || p == ProofLookUp || p == ProofOperator }

// newestOf is the attempt with the highest number in its key. Of two with the same number the one without a proof counts.
func newestOf(past []PastAttempt) PastAttempt {
	newest := 0
	var last PastAttempt
	for _, a := range past {
		if n, _ := KeyNumber(a.Key); n > newest || n == newest && (last.ID == 0 || last.ended()) {
			newest, last = n, a
		}
	}
	return last
}

// mint returns the attempt that inv, an open invoice without an unsettled attempt, is charged by next: its number, its
// key, and the released attempt that is taken up again, if there is one. Nothing else counts numbers of keys.
//
// The number of a key follows that of the newest attempt, which is the one with the highest, and only past a proof that
// is stored with it. Without one the problem says what an operator has to do.
func mint(inv Invoice, past []PastAttempt) (next Claim, problem string) {
	number, released := 0, 0
	next = Claim{Action: Charge, No: 1}
	for _, a := range past {
		n, ok := KeyNumber(a.Key)
		if !ok {
			return Claim{}, fmt.Sprintf("attempt %d has the key %q, which does not end in a number: no key can follow it", a.ID, cut(a.Key, MaxQuoted))
		}
		number, next.No = max(number, n), max(next.No, a.No+1)
	}
	if last := newestOf(past); last.unproven() {
		return Claim{}, fmt.Sprintf("attempt %d is %s, which does not prove that no money was taken: duly resolve attempt %d --as not_executed --reason …", last.ID, last.Status, last.ID)
	}
	for _, a := range past {
		if n, _ := KeyNumber(a.Key); a.Status == AttemptReleased && n > released {
			released, next = n, Claim{Action: Charge, Reuse: a.ID, No: a.No, Key: a.Key}
		}
	}
	if released == 0 {
		next.Key = Key(inv.SubscriptionID, inv.Due, number+1)
	}
	return next, ""
}
