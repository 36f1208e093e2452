package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/telemetry/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sesame"

func clean(text string) string { return strings.ReplaceAll(text, secret, "[redacted]") }

// kept keeps what was exported also after the end.
type kept struct{ *tracetest.InMemoryExporter }

func (kept) Shutdown(context.Context) error { return nil }

func newKept() kept { return kept{tracetest.NewInMemoryExporter()} }

// tracer returns a Tracer of that sample, and a function that ends it and returns its spans.
func tracer(t *testing.T, sample float64) (*tracing.Tracer, func() tracetest.SpanStubs) {
	t.Helper()
	memory := newKept()
	tr := tracing.New(tracing.Options{
		Exporter: memory, Sample: sample, Clean: clean, Failed: func(err error) { t.Error(err) }, Version: "v1", Host: "vm-1", Now: time.Now,
		Database: "db.internal:3306/shop",
	})
	return tr, func() tracetest.SpanStubs {
		tr.Close(t.Context())
		return memory.GetSpans()
	}
}

// tree is every span as a path of names from the root, sorted.
func tree(spans tracetest.SpanStubs) []string {
	byID := map[string]tracetest.SpanStub{}
	for _, s := range spans {
		byID[s.SpanContext.SpanID().String()] = s
	}
	var paths []string
	for _, s := range spans {
		path := s.Name
		for up, ok := byID[s.Parent.SpanID().String()]; ok; up, ok = byID[up.Parent.SpanID().String()] {
			path = up.Name + " / " + path
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

func attributesOf(s tracetest.SpanStub) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

func find(t *testing.T, spans tracetest.SpanStubs, name string) tracetest.SpanStub {
	t.Helper()
	i := slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return spans[i]
}

// repository keeps nothing.
type repository struct{}

func (repository) Start(_ context.Context, s batch.Spec) (*batch.Run, error) {
	return &batch.Run{ID: 7, Job: s.Job, Lease: s.Lease}, nil
}

func (repository) Beat(context.Context, *batch.Run, []batch.Progress) error { return nil }

func (repository) Finish(context.Context, *batch.Run, []batch.Progress, batch.Result) error {
	return nil
}

// runs runs a chunk of one item, which is processed by do.
func runs(t *testing.T, tr *tracing.Tracer, do func(ctx context.Context) error) {
	t.Helper()
	work := &piece{do: do}
	runner := &batch.Runner{
		Repository: repository{}, Heartbeat: time.Millisecond, Drain: time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler), Trace: tr.Span,
	}
	step := &batch.Chunk[int, int]{
		StepName: "collect", Reader: work, Processor: work, Writer: work,
		Fail: func(int, error) int { return 0 }, Lane: func(int) string { return "main" }, Width: func(string) int { return 1 },
		State: func(string) batch.LaneState { return batch.LaneOpen }, Size: 5, FlushEvery: time.Millisecond,
	}
	_, err := runner.Run(t.Context(), batch.Job{Name: "billing", Steps: []batch.Step{step}}, batch.Spec{Job: "billing", Lease: time.Minute})
	require.NoError(t, err)
}

type piece struct {
	do   func(ctx context.Context) error
	read bool
}

func (p *piece) Read(context.Context, batch.ClaimRequest) (batch.Claim[int], error) {
	if p.read {
		return batch.Claim[int]{}, errors.New("claim with " + secret)
	}
	p.read = true
	return batch.Claim[int]{Items: []int{1}}, nil
}

func (p *piece) Process(ctx context.Context, _ int) (int, error) { return 1, p.do(ctx) }

func (*piece) Write(context.Context, []int) (batch.Tally, error) {
	return batch.Tally{Succeeded: 1}, nil
}

func (*piece) Reject(context.Context, int, error) (batch.Tally, error) { return batch.Tally{}, nil }

func (*piece) Keep(context.Context, []int) error { return nil }

var charge = gateway.Request{Gateway: "main", Kind: gateway.RequestCharge, ID: "run-7/sub_1-1", Try: 1}

func TestSpansOfARun(t *testing.T) {
	tr, end := tracer(t, 1)
	runs(t, tr, func(ctx context.Context) error {
		_, told := tr.Request(ctx, charge)
		told(gateway.Answer{Outcome: "succeeded"})
		return nil
	})
	spans := end()
	require.Equal(t, []string{
		"run billing", "run billing / step collect", "run billing / step collect / claim", "run billing / step collect / claim",
		"run billing / step collect / gateway charge", "run billing / step collect / settle",
	}, tree(spans))

	run := find(t, spans, "run billing")
	require.Equal(t, map[string]string{
		"duly.run_id": "7", "duly.job": "billing", "duly.status": "failed", "duly.exit_code": "1", "duly.read": "1",
	}, attributesOf(run))
	require.Equal(t, sdk.Status{Code: codes.Error, Description: "collect: claim: claim with [redacted]"}, run.Status)
	require.Contains(t, run.Resource.String(), "host.name=vm-1,service.name=duly,service.version=v1")
	require.Equal(t, map[string]string{
		"duly.run_id": "7", "duly.job": "billing", "duly.step": "collect", "duly.items": "1",
		"db.system.name": "mysql", "db.namespace": "shop", "server.address": "db.internal", "server.port": "3306",
	}, attributesOf(find(t, spans, "settle")))
	call := find(t, spans, "gateway charge")
	require.Equal(t, map[string]string{
		"duly.gateway": "main", "duly.try": "1", "duly.request_id": "run-7/sub_1-1", "duly.outcome": "succeeded",
	}, attributesOf(call))
	require.Equal(t, codes.Unset, call.Status.Code)
	require.NotContains(t, fmt.Sprint(spans), secret)
}

// Calls outside the sample are traced if they fail, with the time that they took.
func TestFailedCallsAreAlwaysTraced(t *testing.T) {
	tr, end := tracer(t, 0)
	runs(t, tr, func(ctx context.Context) error {
		for _, a := range []gateway.Answer{
			{Outcome: "succeeded"},
			{Outcome: "declined"},
			{Outcome: "not_executed", Unsent: true, Failure: true},
			{Outcome: "not_executed"},
			{Outcome: "found"},
			{Outcome: "absent"},
			{Outcome: "listed"},
			{Outcome: "done"},
			{Outcome: "refused"},
		} {
			_, told := tr.Request(ctx, charge)
			told(a)
		}
		for _, outcome := range []string{"in_doubt", "unknown", "unanswered", "differs", "rejected", "misconfigured"} {
			_, told := tr.Request(ctx, gateway.Request{Gateway: "main", Kind: gateway.RequestKind(outcome), Try: 2})
			told(gateway.Answer{Outcome: outcome, Reason: "401 " + secret, Took: time.Minute})
		}
		_, told := tr.Request(ctx, gateway.Request{Gateway: "main", Kind: gateway.RequestRefund})
		told(gateway.Answer{Outcome: "none", Failure: true, Reason: "503"})
		return nil
	})
	spans := end()
	paths := slices.DeleteFunc(tree(spans), func(path string) bool { return !strings.Contains(path, "gateway") })
	const under = "run billing / step collect / gateway "
	require.Equal(t, []string{
		under + "differs", under + "in_doubt", under + "misconfigured", under + "refund", under + "rejected", under + "unanswered", under + "unknown",
	}, paths)
	doubt := find(t, spans, "gateway in_doubt")
	require.Equal(t, time.Minute, doubt.EndTime.Sub(doubt.StartTime))
	require.Equal(t, sdk.Status{Code: codes.Error, Description: "401 [redacted]"}, doubt.Status)
	require.NotContains(t, attributesOf(doubt), "duly.request_id")
}
