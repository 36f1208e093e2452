package batch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// tracer notes spans as paths from the run down, with their ends.
type tracer struct {
	mu   sync.Mutex
	ends []string
	open int
}

type pathKey struct{}

func path(ctx context.Context) string {
	p, _ := ctx.Value(pathKey{}).(string)
	return p
}

func (t *tracer) begin(ctx context.Context, s batch.Span) (context.Context, func(batch.SpanEnd)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open++
	name := string(s.Kind)
	if s.Kind == batch.SpanStep {
		name += "." + s.Step
	}
	ctx = context.WithValue(ctx, pathKey{}, path(ctx)+"/"+name)
	return ctx, func(e batch.SpanEnd) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.open--
		text := fmt.Sprintf("%s of run %d: %d items", path(ctx), s.Run.ID, e.Items)
		if e.Status != "" {
			text = fmt.Sprintf("%s of run %d: %s, read %d, exit %d", path(ctx), s.Run.ID, e.Status, e.Tally.Read, e.Exit)
		}
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		t.ends = append(t.ends, text)
	}
}

func TestTracerIsToldOfRunStepsAndChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spans tracer
		var in []string
		b := &bench{source: source{todo: items("a", 1, 3)}, size: 2, width: 1}
		b.work.do = func(ctx context.Context, _ item) error {
			in = append(in, path(ctx))
			return nil
		}
		b.sink.fail = func(call int, _ []outcome) error {
			if call == 1 {
				return batch.ErrUnavailable
			}
			return nil
		}
		r := runner(&runs{})
		r.Heartbeat, r.Trace = 10*time.Millisecond, spans.begin
		slow := tasklet("slow", func(ctx context.Context, x *batch.StepExecution) error {
			in = append(in, path(x.Work))
			return sleep(ctx, time.Second)
		})
		panics := tasklet("panics", func(context.Context, *batch.StepExecution) error { panic("nil map") })
		result := run(t.Context(), t, r, slow, b.step("collect"), panics)
		require.Equal(t, batch.ExitFailed, result.Exit)

		require.Equal(t, []string{"/run/step.slow", "/run/step.collect", "/run/step.collect", "/run/step.collect"}, in)
		require.Zero(t, spans.open)
		slices.Sort(spans.ends)
		require.Equal(t, []string{
			"/run of run 7: failed, read 3, exit 1: panics: panic: a value of type string",
			"/run/step.collect of run 7: completed, read 3, exit 0",
			"/run/step.collect/claim of run 7: 1 items",
			"/run/step.collect/claim of run 7: 2 items",
			"/run/step.collect/settle of run 7: 1 items",
			"/run/step.collect/settle of run 7: 2 items",
			"/run/step.collect/settle of run 7: 2 items: database unavailable",
			"/run/step.panics of run 7: failed, read 0, exit 0: panic: a value of type string",
			"/run/step.slow of run 7: completed, read 0, exit 0",
		}, spans.ends)
	})
}

// The tracer's context reaches readers and writers.
func TestClaimsAndSettlementsAreUnderTheirSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spans tracer
		b := &bench{source: source{todo: items("a", 1, 1)}, size: 2, width: 1}
		step := b.step("collect")
		var read, written string
		step.Reader = readerFunc(func(ctx context.Context, want batch.ClaimRequest) (batch.Claim[item], error) {
			read = path(ctx)
			require.NotNil(t, batch.Execution(ctx))
			return b.source.Read(ctx, want)
		})
		step.Writer = &pathSink{sink: &b.sink, path: &written}
		r := runner(&runs{})
		r.Trace = spans.begin
		require.Equal(t, batch.ExitDone, run(t.Context(), t, r, step).Exit)
		require.Equal(t, "/run/step.collect/claim", read)
		require.Equal(t, "/run/step.collect/settle", written)
	})
}

type readerFunc func(ctx context.Context, want batch.ClaimRequest) (batch.Claim[item], error)

func (f readerFunc) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[item], error) {
	return f(ctx, want)
}

type pathSink struct {
	*sink

	path *string
}

func (p *pathSink) Write(ctx context.Context, chunk []outcome) (batch.Tally, error) {
	*p.path = path(ctx)
	return p.sink.Write(ctx, chunk)
}
