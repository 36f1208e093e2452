package record

import (
	"context"
	"time"

	"duly/internal/batch"
)

// residentEvery is seldom enough for the samples of an hour to fit where they are kept.
const residentEvery = 360 * time.Millisecond

// Residents samples the resident size of a process.
type Residents struct {
	now  func() time.Time
	size func() (int64, bool)
	list []resident
}

// NewResidents samples by size. It has room for all samples at once, so that no copies of them are measured.
func NewResidents(now func() time.Time, size func() (int64, bool)) *Residents {
	return &Residents{now: now, size: size, list: make([]resident, 0, 10_000)}
}

type resident struct {
	at   time.Time
	size int64
}

// Watch samples until stop is called, which waits for the last sample.
func (r *Residents) Watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for batch.Wait(ctx, residentEvery) == nil {
			if size, ok := r.size(); ok {
				r.list = append(r.list, resident{r.now(), size})
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// Within is the largest size in a stretch.
func (r *Residents) Within(t Stretch) float64 {
	var most int64 = 1
	for _, x := range r.list {
		if !x.at.Before(t.From) && !x.at.After(t.To) {
			most = max(most, x.size)
		}
	}
	return float64(most)
}
