package e2e_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"duly/internal/gateway/simulator"
	"duly/internal/test/testdb"
)

var (
	modelSeed   = flag.Uint64("model.seed", 0, "seed of the first trace of the model test; alone: replay that trace (default 1)")
	modelTraces = flag.Int("model.traces", 0, "traces of each part of the model test, with seeds that count on (default 30 and 15)")
	modelSteps  = flag.Int("model.steps", 70, "moves of a trace of the model test")
)

// The scale of time in the model. What must hold between them holds as in production: a request outlives its
// lease, keys outlive many requests.
const (
	modelKeyLife   = 30 * time.Minute
	modelLongest   = 10 * time.Minute
	modelLease     = 8 * time.Minute
	modelTimeout   = time.Minute
	modelTries     = 3
	modelWorkers   = 3
	modelHeartbeat = 30 * time.Second
	// modelPatience is how long, in real time, anything may take before the test says that it hangs.
	modelPatience = 30 * time.Second
)

// modelShape is what the main gateway of a trace can do.
type modelShape struct {
	name   string
	noKeys bool
	noFind bool
}

// keyLife is what the gateway declares and keeps to.
func (s modelShape) keyLife() time.Duration {
	if s.noKeys {
		return 0
	}
	return modelKeyLife
}

// stream tells the shapes' random numbers apart.
func (s modelShape) stream() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.name)) // it cannot fail
	return h.Sum64()
}

func (s modelShape) simulator(now func() time.Time) simulator.Config {
	return simulator.Config{
		Now: now, KeyLife: s.keyLife(), NoKeys: s.noKeys, NoFind: s.noFind,
		Pending: simulator.Pending{For: 2 * modelLongest},
	}
}

// TestModel plays random traces of everything that may happen to a few invoices: workers that claim, send, settle,
// crash and sleep past their lease; requests that are delivered late, lost, refused or answered in vain; commits
// whose answer is lost; a shop that changes its rows; time that passes. The invariants are checked after each move,
// and in the end one undisturbed run must settle everything.
//
// A trace follows from its seed. One that fails prints its moves and how to replay it.
func TestModel(t *testing.T) {
	t.Parallel()
	for _, shape := range []modelShape{
		{name: "keys-and-look-up"},
		{name: "no-look-up", noFind: true},
		{name: "no-keys", noKeys: true},
		{name: "neither", noKeys: true, noFind: true},
	} {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			first, traces := modelRange(shape)
			stage := newModelStage(t, testdb.New(t), shape)
			for seed := first; seed < first+uint64(traces); seed++ {
				stage.play(t, seed)
				if t.Failed() {
					return
				}
			}
			t.Logf("%d traces: %s", traces, stage.seen)
		})
	}
}

// modelRange is the first seed and the number of traces. What most gateways are like gets the most.
func modelRange(shape modelShape) (first uint64, traces int) {
	first, traces = 1, 30
	if shape.noKeys || shape.noFind {
		traces = 15
	}
	if *modelSeed != 0 {
		first, traces = *modelSeed, 1
	}
	if *modelTraces != 0 {
		traces = *modelTraces
	}
	return first, traces
}

// play plays the trace of one seed.
func (s *modelStage) play(t *testing.T, seed uint64) {
	t.Helper()
	w := s.newWorld(t, rand.New(rand.NewPCG(seed, s.shape.stream())))
	defer w.end()
	defer func() {
		if t.Failed() {
			t.Logf("the moves of the trace:\n%s", strings.Join(w.told, "\n"))
			t.Logf("the attempts before the last of them: %+v", w.before.attempts)
			t.Logf("replay it: go test ./internal/test/e2e -run '^TestModel$/^%s$' -model.seed=%d -model.steps=%d", s.shape.name, seed, *modelSteps)
		}
	}()
	w.open()
	for range *modelSteps {
		w.move()
	}
	w.close()
}

// modelSeen counts what happened, so that it can be read whether the traces reach what they are to reach.
type modelSeen map[string]int

func (s modelSeen) String() string {
	list := make([]string, 0, len(s))
	for _, what := range slices.Sorted(maps.Keys(s)) {
		list = append(list, fmt.Sprintf("%s %d", what, s[what]))
	}
	return strings.Join(list, ", ")
}
