package registry

import (
	"context"
	"fmt"
	"strings"
	"time"

	"duly/internal/cli"
	"duly/internal/preview"
)

// firstRows is how many charges a dry run lists.
const firstRows = 10

// Head is what the documents of --dry-run --json begin with.
type Head struct {
	Job          string `json:"job"`
	BusinessDate string `json:"business_date"`
	DryRun       bool   `json:"dry_run"`
	Paused       string `json:"paused,omitempty"`
}

// leftForecast is the document of a job without a forecast of its own.
type leftForecast struct {
	Head

	Due []string `json:"due"` // one line for each kind of work
}

// PreviewLeft says what a run would find to do, as far as the job can tell.
func PreviewLeft(ctx context.Context, r *Request, f Head) (any, func(), error) {
	job, err := r.Job.Build(r)
	if err != nil {
		return nil, nil, err
	}
	doc := leftForecast{f, []string{}}
	if job.Left == nil {
		return doc, func() { r.Session.Screen.Line("what %s has to do is known when it runs", r.Job.Name) }, nil
	}
	due, err := job.Left(ctx)
	doc.Due = append(doc.Due, due...)
	return doc, func() {
		if len(doc.Due) == 0 {
			r.Session.Screen.Line("nothing to do")
		}
		for _, line := range doc.Due {
			r.Session.Screen.Line("to do: %s", line)
		}
	}, err
}

// counted is a number of rows that a forecast has a word for.
type counted struct {
	n           int64
	thing, what string
}

// writeCounts writes those of the numbers that are not 0.
func writeCounts(screen *cli.Screen, all []counted) {
	for _, c := range all {
		if c.n > 0 {
			screen.Line("%s %s", cli.Plural(c.n, c.thing), c.what)
		}
	}
}

// problems writes why rows would not be done as they stand, with their first ids.
func problems(screen *cli.Screen, list []preview.Problem, more int64) {
	for _, p := range list {
		will := map[string]string{
			preview.ProblemReview: "will go to review", preview.ProblemLeft: "will be skipped", preview.ProblemChecked: "will be checked, and go to review if paid",
		}[p.Result]
		ids := strings.Trim(strings.ReplaceAll(fmt.Sprint(p.IDs), " ", ", "), "[]")
		if others := p.Count - int64(len(p.IDs)); others > 0 {
			ids += fmt.Sprintf(" and %d more", others)
		}
		screen.Line("%s %s: %s (%s)", cli.Things(p.Count, p.What), will, p.Why, ids)
	}
	if more > 0 {
		screen.Line("and %s with other problems", cli.Plural(more, "row"))
	}
}

// from is ", from" an instant, if there is one.
func (r *Request) from(t *time.Time) string {
	if t == nil {
		return ""
	}
	return ", from " + r.when(*t)
}

// when writes an instant in the time zone of the business.
func (r *Request) when(t time.Time) string {
	return cli.CalendarOn(r.Today, r.Config.Business.Location()).At(t)
}
