package report

import (
	"strconv"
	"strings"
	"time"
)

// pageView is what the template writes: what a reader needs first comes first.
type pageView struct {
	Title, Heading string
	About          []string // what identifies the run or the night
	Verdict        verdict
	Exit           string
	Errors         []string
	Fold           foldView
	Declines       *declinesView
	Next           *nextView
	Orders         *ordersView
	Jobs           *jobsView
	Details        []detailsView
	Level          int // of the headings inside of Details
	Written        string
}

// viewOf prepares the page.
func viewOf(p Page) pageView {
	if p.Zone == nil {
		p.Zone = time.UTC
	}
	v := pageView{Written: instant(p.Written, p.Zone), Level: 3}
	switch {
	case p.Night != nil:
		v.night(*p.Night, p)
	case len(p.Runs) > 0:
		v.run(p.Runs[0], p.Zone)
	}
	for _, r := range p.Runs {
		if r.Error != "" {
			v.Errors = append(v.Errors, errorLine(r, p))
		}
		v.Details = append(v.Details, detailsOf(r, p.Zone))
	}
	v.Fold = foldOf(p)
	v.Declines = declinesOf(p.Runs)
	v.Next = nextOf(p)
	v.Orders = ordersOf(p)
	return v
}

func (v *pageView) run(r Run, zone *time.Location) {
	v.Heading = title(r.Job) + ", " + longDate(r.Date)
	v.Title = "Run " + strconv.FormatUint(r.ID, 10) + " · " + r.Job + " · " + r.Date
	v.Verdict, v.Exit = r.verdict(), exitOf(r)
	v.About = []string{"run " + strconv.FormatUint(r.ID, 10), "started " + brief(r.Started, dated(r.Date), zone)}
	if took := tookOf(r); took != "" {
		v.About = append(v.About, took)
	}
	v.About = append(v.About, r.Host, "times in "+zone.String())
	v.Jobs = stepsOf(r)
}

func (v *pageView) night(n Night, p Page) {
	v.Heading, v.Title = "Night of "+longDate(n.Date), "Night · "+n.Date
	var waiting int64
	for _, r := range p.Runs {
		waiting += r.reviewed()
	}
	v.Verdict, v.Exit = verdictOf(n.Exit, waiting), strconv.Itoa(n.Exit)
	if n.Exit == exitNotRun {
		v.Verdict.Text = "Not run: " + strings.Join(n.notRun(), ", ") + "; the rest is done"
	}
	v.About = []string{"started " + brief(n.Started, dated(n.Date), p.Zone), length(n.Finished.Sub(n.Started).Seconds())}
	if n.Host != "" {
		v.About = append(v.About, n.Host)
	}
	v.About = append(v.About, "times in "+p.Zone.String())
	v.Jobs = jobsOf(n, p)
	v.Level = 4
}

// notRun lists the jobs that did not run.
func (n Night) notRun() []string {
	var jobs []string
	for _, part := range n.Parts {
		if part.Exit == exitNotRun {
			jobs = append(jobs, part.Job)
		}
	}
	return jobs
}

// errorLine says why a run failed; on the page of a night, which one.
func errorLine(r Run, p Page) string {
	why := localTimes(strings.Join(strings.Fields(r.Error), " "), r.latest(), p.Zone)
	if p.Night != nil {
		return r.Job + ": " + why
	}
	return why
}

// reviewed counts the rows that the run sent to an operator.
func (r Run) reviewed() int64 {
	var n int64
	for _, s := range r.Steps {
		n += s.Review + s.Rejected
	}
	return n
}

// latest is the last time at which the run is known to have worked.
func (r Run) latest() time.Time {
	switch {
	case r.Finished != nil:
		return *r.Finished
	case !r.Beat.IsZero():
		return r.Beat
	}
	return r.Started
}

// exitOf is the exit code of a run; empty if it has none.
func exitOf(r Run) string {
	if r.Exit == nil {
		return ""
	}
	return strconv.Itoa(*r.Exit)
}

// tookOf is how long a run took; empty while that is not known.
func tookOf(r Run) string {
	if r.Finished == nil {
		return ""
	}
	return length(r.Finished.Sub(r.Started).Seconds())
}
