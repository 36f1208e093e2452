package report

import (
	"strconv"
	"time"
)

// detailsView is the closed part of the page of one run.
type detailsView struct {
	ID, Heading string
	Facts       []fact
	Counts      []countRow
	Money       []moneyRow
	Stages      []stageRow
	Notes       []string
	Gateways    []gatewayView
	Pace        *columnsView
	Products    []productRow
	More        string // of products
}

// fact is something with its name.
type fact struct{ Name, Value string }

// countRow is one number of a step. Span is how many rows its step has, in the first of them.
type countRow struct {
	Step, Key, Name, Count string
	Span                   int
}

// moneyRow is what a step moved.
type moneyRow struct{ Step, Name, Amount string }

// stageRow is how much of a dunning stage was paid.
type stageRow struct{ Name, Charged, Paid, Share string }

func detailsOf(r Run, zone *time.Location) detailsView {
	v := detailsView{
		ID: "run-" + strconv.FormatUint(r.ID, 10), Heading: title(r.Job) + ", run " + strconv.FormatUint(r.ID, 10), Facts: factsOf(r, zone),
		Counts: countsOf(r.Steps), Money: moneyOf(r.Steps), Stages: stagesOf(r.Steps),
	}
	v.Products, v.More = productsOf(r.Daily)
	if m := r.Measured; m != nil {
		for _, note := range m.Notes {
			v.Notes = append(v.Notes, localTimes(note, r.latest(), zone))
		}
		v.Gateways, v.Pace = gatewaysOf(*m, r.latest(), zone), paceOf(m.Pace, doneBy(r.Steps))
	}
	return v
}

// factsOf is what identifies a run.
func factsOf(r Run, zone *time.Location) []fact {
	facts := []fact{{"Business date", longDate(r.Date)}, {"Started", instant(r.Started, zone)}}
	if r.Finished != nil {
		facts = append(facts, fact{"Ended", instant(*r.Finished, zone)}, fact{"Took", tookOf(r)})
	} else {
		facts = append(facts, fact{"Last heartbeat", instant(r.Beat, zone)})
	}
	if exit := exitOf(r); exit != "" {
		facts = append(facts, fact{"Exit code", exit})
	}
	facts = append(facts, fact{"Process", strconv.Itoa(r.PID) + " on " + r.Host}, fact{"Version", r.Version})
	if r.RerunOf != 0 {
		facts = append(facts, fact{"Repeats run", strconv.FormatUint(r.RerunOf, 10)})
	}
	for _, p := range r.Params {
		facts = append(facts, fact{"Parameter " + p.Name, p.Value})
	}
	return facts
}

// countsOf lists the numbers of the steps as they are stored, without zeros.
func countsOf(steps []Step) []countRow {
	var out []countRow
	for _, s := range steps {
		first := len(out)
		for _, n := range []struct {
			key, name string
			count     int64
		}{
			{"read", s.Words.Unit, s.Read},
			{"succeeded", s.Words.Succeeded, s.Succeeded},
			{"declined", s.Words.Declined, s.Declined},
			{"released", s.Words.Released, s.Released},
			{"in_doubt", s.Words.InDoubt, s.InDoubt},
			{"rejected", s.Words.Rejected, s.Rejected},
			{"review", s.Words.Review, s.Review},
		} {
			if n.count != 0 {
				out = append(out, countRow{Step: s.Name, Key: n.key, Name: n.name, Count: number(n.count)})
			}
		}
		if len(out) > first {
			out[first].Span = len(out) - first
		}
	}
	return out
}

// moneyOf lists what each step moved; nil if it all came from one.
func moneyOf(steps []Step) []moneyRow {
	var out []moneyRow
	for _, s := range steps {
		if len(s.Amounts) == 0 {
			continue
		}
		name := "collected"
		if s.Words.Kind == Refunds {
			name = "refunded"
		}
		out = append(out, moneyRow{s.Name, name, amounts(s.Amounts)})
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// stagesOf compares the dunning stages; nil if there is nothing to compare.
func stagesOf(steps []Step) []stageRow {
	var out []stageRow
	for _, s := range steps {
		settled := s.Succeeded + s.Declined + s.Released + s.InDoubt + s.Rejected + s.Review
		if s.Words.Kind != Charges || settled == 0 {
			continue
		}
		out = append(out, stageRow{title(s.Words.Label), number(settled), some(s.Succeeded), percent(s.Succeeded, settled)})
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// doneBy is how a run calls what succeeded: as the step that has most of it does.
func doneBy(steps []Step) string {
	word, most := "succeeded", int64(0)
	for _, s := range steps {
		if s.Succeeded > most && s.Words.Succeeded != "" {
			word, most = s.Words.Succeeded, s.Succeeded
		}
	}
	return word
}
