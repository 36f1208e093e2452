package gateway

// Held is how many places are taken.
func (b *Bound) Held() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

// StartAt is what `parallelism: auto` begins with.
const StartAt = startAt

// HeldByAuto is how many places of `parallelism: auto` are taken.
func (p *Limited) HeldByAuto() int { return p.auto.bound.Held() }

// Stopped is closed when the guard of ctx wants to stop.
var Stopped = stopped
