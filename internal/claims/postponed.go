package claims

import (
	"maps"
	"slices"

	"duly/internal/batch"
)

// maxPostponed bounds the memory that a walk takes for postponed rows.
const maxPostponed = 100_000

// Postponed holds the ids of rows whose lanes had no room, in the order in which the walk met them.
type Postponed struct {
	lanes map[string][]uint64
	// N is how many they are.
	N      int
	Single Single
	// Again: some rows that the walk met are neither claimed, decided nor held here: another walk is to meet them.
	Again bool
}

// Reset forgets everything, when a pass begins that meets all of it again.
func (p *Postponed) Reset() { *p = Postponed{} }

// Add postpones a row of a lane.
func (p *Postponed) Add(lane string, id uint64) {
	if p.N >= maxPostponed {
		p.Again = true
		return
	}
	if p.lanes == nil {
		p.lanes = map[string][]uint64{}
	}
	p.lanes[lane] = append(p.lanes[lane], id)
	p.N++
}

// Names lists the lanes of which rows are postponed.
func (p *Postponed) Names() []string { return slices.Sorted(maps.Keys(p.lanes)) }

// Next returns the rows of a lane that can be claimed now. The rows of lanes that are skipped are left, to be met by
// another walk once the lane is open.
func (p *Postponed) Next(want batch.ClaimRequest) (lane string, ids []uint64) {
	for _, name := range p.Names() {
		if want.Skip(name) {
			p.Drop(name, len(p.lanes[name]))
			continue
		}
		limit := min(want.Limit, len(p.lanes[name]))
		if want.Room != nil {
			limit = min(limit, want.Room(name))
		}
		if limit = p.Single.Limit(limit); limit > 0 {
			return name, p.lanes[name][:limit]
		}
	}
	return "", nil
}

// Drop takes out the first n rows of a lane.
func (p *Postponed) Drop(lane string, n int) {
	p.N -= n
	if p.lanes[lane] = p.lanes[lane][n:]; len(p.lanes[lane]) == 0 {
		delete(p.lanes, lane)
	}
}
