package report

import (
	"strconv"
	"strings"
)

// jobsView are the jobs of a night, or the steps of a run.
type jobsView struct {
	Title, Column string
	Rows          []jobRow
	Idle          string // what had nothing to do
}

// jobRow is a job or a step.
type jobRow struct {
	Name   string
	Tone   string // of its mark
	Status string // in words; empty if it is what it should be
	Result []string
	Took   string
}

// stepsOf lists the steps that did something, or did not complete.
func stepsOf(r Run) *jobsView {
	v := &jobsView{Title: "Steps", Column: "Step"}
	var idle []string
	for _, s := range r.Steps {
		if s.Read == 0 && s.Status == "completed" {
			idle = append(idle, s.Name)
			continue
		}
		row := jobRow{Name: s.Name, Tone: "good", Result: []string{sentence(s)}, Took: length(s.Seconds)}
		if s.Words.Kind == Audits && s.Review > 0 {
			row.Tone = "look"
		}
		if s.Status != "completed" {
			row.Tone, row.Status = toneOf(s.Status), s.Status
		}
		v.Rows = append(v.Rows, row)
	}
	v.Idle = strings.Join(idle, ", ")
	if len(v.Rows) == 0 && v.Idle == "" {
		return nil
	}
	return v
}

func toneOf(status string) string {
	if status == "failed" {
		return "bad"
	}
	return "look"
}

// jobsOf lists the jobs of a night with what they did.
func jobsOf(n Night, p Page) *jobsView {
	v := &jobsView{Title: "Jobs", Column: "Job"}
	byID := map[uint64]Run{}
	for _, r := range p.Runs {
		byID[r.ID] = r
	}
	var idle []string
	for _, part := range n.Parts {
		r, ran := byID[part.Run]
		result := resultsOf(r.Steps)
		if ran && part.Exit == 0 && len(result) == 0 {
			idle = append(idle, part.Job)
			continue
		}
		row := jobRow{Name: part.Job, Tone: verdictOf(part.Exit, 0).Tone, Result: result}
		if ran {
			row.Took = tookOf(r)
		}
		if part.Exit != 0 {
			row.Status = shortVerdict(part.Exit)
		}
		if why := strings.TrimPrefix(part.Why, "not run: "); why != "" {
			row.Result = append(row.Result, localTimes(why, n.Finished, p.Zone))
		}
		v.Rows = append(v.Rows, row)
	}
	for _, job := range n.NotReached {
		v.Rows = append(v.Rows, jobRow{Name: job, Tone: "look", Status: "not reached"})
	}
	v.Idle = strings.Join(idle, ", ")
	if len(v.Rows) == 0 && v.Idle == "" {
		return nil
	}
	return v
}

// shortVerdict is the exit code of a job of a night, and what it means.
func shortVerdict(exit int) string {
	words := map[int]string{1: "failed", 2: "not started", 3: "in review", 4: "unfinished", 5: "not run"}[exit]
	if words == "" {
		words = "stopped"
	}
	return words + " · exit " + strconv.Itoa(exit)
}

// resultsOf says what the steps did, those that count the same things as one.
func resultsOf(steps []Step) []string {
	var units []string
	sums := map[string]*Step{}
	for _, s := range steps {
		if s.Read == 0 {
			continue
		}
		key := string(s.Words.Kind) + " " + s.Words.Unit
		if sums[key] == nil {
			units = append(units, key)
			sums[key] = &Step{Words: s.Words}
		}
		sums[key].add(s)
	}
	var out []string
	for _, unit := range units {
		out = append(out, sentence(*sums[unit]))
	}
	return out
}
