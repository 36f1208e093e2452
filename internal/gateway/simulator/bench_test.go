package simulator_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"duly/internal/gateway/simulator"
)

// BenchmarkCharge charges in process, and says what a payment costs in memory.
func BenchmarkCharge(b *testing.B) {
	sim := simulator.New(simulator.Config{})
	defer sim.Close()
	b.ReportAllocs()
	before := heap()
	for i := range b.N {
		reference := fmt.Sprintf("sub_%d_20260131", i)
		r := httptest.NewRequest(http.MethodPost, "/v1/payments", strings.NewReader(fmt.Sprintf(
			`{"reference":%q,"customer_id":"cus_%d","payment_method":"pm_ok:%d","amount":12900,"currency":"KRW"}`, reference, i, i)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", reference+"-1")
		sim.ServeHTTP(nowhere{}, r)
	}
	b.ReportMetric((heap()-before)/float64(b.N), "heap-B/payment")
}

// nowhere is a ResponseWriter that forgets.
type nowhere struct{ io.Writer }

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) WriteHeader(int)             {}
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
