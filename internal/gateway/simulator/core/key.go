package core

import "duly/internal/gateway/simulator/plan"

// key is an idempotency key that was sent or asked for.
type key struct {
	text     string
	next     uint32 // place + 1 of another key with the same hash
	newest   uint32 // place + 1 of the last payment executed under it
	requests uint32 // that carried it
	lookups  uint32 // for the randomness of their faults
	open     uint32 // requests that are not known to have been left unexecuted
	flags    keyFlags
	body     uint64 // of the first of the open ones
}

type keyFlags uint8

const (
	busy        keyFlags = 1 << iota // a charge with this key is under way
	violated                         // different bytes were sent though an earlier request was open
	tooManyNext                      // the next request is answered 429
)

// arrive notes a request with the key, and whether its bytes are those of the others that may be executed.
func (k *key) arrive(body uint64) {
	k.requests++
	if k.open > 0 && k.body != body {
		k.flags |= violated
	}
	if k.open == 0 {
		k.body = body
	}
	k.open++
}

// takesTooMany reports, once, that the request before was struck by TooManyAfter.
func (k *key) takesTooMany() bool {
	takes := k.flags&tooManyNext != 0
	k.flags &^= tooManyNext
	return takes
}

// struck notes what a fault means for the next request.
func (k *key) struck(c *call) {
	if c.strike.Fault == plan.TooManyAfter {
		k.flags |= tooManyNext
	}
}

// answered notes an answer by which a request is known not to have been executed.
func (k *key) answered(a Answer) {
	if a.Refused {
		k.open--
	}
}
