package simulator

import "time"

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

// arrive notes a request with the key, whether its bytes are those of the others that may be executed, and turns
// it away if the last one was struck by TooManyAfter.
func (k *key) arrive(c *call, body uint64, retryAfter time.Duration) {
	k.requests++
	if k.open > 0 && k.body != body {
		k.flags |= violated
	}
	if k.open == 0 {
		k.body = body
	}
	k.open++
	if c.refused == nil && k.flags&tooManyNext != 0 {
		k.flags &^= tooManyNext
		a := tooManyAnswer(retryAfter)
		c.refused = &a
	}
}

// struck notes what a fault means for the next request.
func (k *key) struck(c *call) {
	if c.strike.fault == TooManyAfter {
		k.flags |= tooManyNext
	}
}

// answered notes an answer by which a request is known not to have been executed.
func (k *key) answered(a answer) {
	if a.refused {
		k.open--
	}
}
