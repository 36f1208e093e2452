package batch

import "sync"

// Mark is a row that a run wrote in a transaction whose commit was acknowledged, as a later transaction must find it.
type Mark struct {
	ID    uint64
	Key   string
	Lease [16]byte // the lease that it was written with
	// Again: the claim took up a row that was there, under the lease Before.
	Again  bool
	Before [16]byte
}

// Acknowledged holds the newest rows that a run was told are committed. A database that shows them otherwise has
// lost commits. Its methods are safe for concurrent use; the zero value holds none.
type Acknowledged struct {
	witness func(Mark) // nil: nobody is told

	mu             sync.Mutex
	claim, settled *Mark
}

// Claimed notes a row of a claim that was committed. It is called before anything of the claim is sent.
func (a *Acknowledged) Claimed(m Mark) {
	if a.witness != nil {
		a.witness(m)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.claim = &m
}

// Met notes a row that the run read before it claimed one of its own. What was claimed since is newer, and is kept.
func (a *Acknowledged) Met(m Mark) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.claim == nil {
		a.claim = &m
	}
}

// Settled notes a row of a settlement that was committed.
func (a *Acknowledged) Settled(m Mark) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settled = &m
}

// Marks are the newest claim and the newest settlement; nil for none.
func (a *Acknowledged) Marks() (claim, settled *Mark) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.claim, a.settled
}
