package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/preview"
	"duly/internal/runs"
	"duly/jobs"
)

// firstRows is how many charges a dry run lists.
const firstRows = 10

// ForecastHead is what the documents of --dry-run --json begin with.
type ForecastHead struct {
	Job          string `json:"job"`
	BusinessDate string `json:"business_date"`
	DryRun       bool   `json:"dry_run"`
	Paused       string `json:"paused,omitempty"`
}

// DryRun prints what a run would do. It writes nothing and calls no gateway.
func (e *Execution) DryRun(ctx context.Context) error {
	others, err := e.Deps.Repository.Others(ctx, 0)
	if err != nil {
		return exit.Failed(err)
	}
	f := ForecastHead{Job: e.work.Name, BusinessDate: e.business.String(), DryRun: true}
	if _, pause, paused := e.paused(e.pauses); paused {
		f.Paused = pause.String()
	}
	preview := e.work.Preview
	if preview == nil {
		preview = previewLeft
	}
	document, show, err := preview(ctx, e, f)
	if err = errors.Join(err, e.untouched()); err != nil {
		return exit.Failed(fmt.Errorf("dry run: %w", err))
	}
	if e.Screen.Json {
		return e.Screen.Print(document)
	}
	if e.Screen.CsvOnly {
		show()
		return nil
	}
	e.forecastHeader(others)
	show()
	return nil
}

// forecastHeader begins a forecast: what it is, and what else is running or paused.
func (e *Execution) forecastHeader(others []runs.Live) {
	job := ""
	if e.cmd.night {
		job = e.work.Name
	}
	zone := ""
	if e.work.Name != jobs.BillingJob {
		zone = "times in " + e.config.Business.Timezone
	}
	e.Screen.Item("", 0, job, e.business.Time().Format("2 Jan 2006"), zone, "forecast: nothing written, no gateway called")
	for _, o := range others {
		e.Screen.Line("%s run %d is live: %s on %s", cli.SignLook, o.ID, o.Job, o.Host)
	}
	if name, pause, paused := e.paused(e.pauses); paused {
		e.Screen.Line("%s will not run: %s paused %s (%q); duly resume %s", cli.SignLook, pause.Who, name, pause.Reason, name)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Deps.Gateways)) {
		if pause, paused := e.pauses.Gateway(name); paused {
			e.Screen.Line("%s skipped: %s paused gateway %s (%q); duly resume gateway %s", cli.SignLook, pause.Who, name, pause.Reason, name)
		}
	}
}

// untouched is an error if a gateway was to be called: then the forecast does what it must not.
func (e *Execution) untouched() error {
	for name, g := range e.Deps.Gateways {
		if sent := g.Stats().Requests(); sent > 0 {
			return fmt.Errorf("gateway %s: %d requests were to be sent, and were not: %w", name, sent, gateway.ErrUntouched)
		}
	}
	return nil
}

// leftForecast is the document of a job without a forecast of its own.
type leftForecast struct {
	ForecastHead

	Due []string `json:"due"` // one line for each kind of work
}

// previewLeft says what a run would find to do, as far as the job can tell.
func previewLeft(ctx context.Context, e *Execution, f ForecastHead) (any, func(), error) {
	job, err := e.work.Job(e)
	if err != nil {
		return nil, nil, err
	}
	doc := leftForecast{f, []string{}}
	if job.Left == nil {
		return doc, func() { e.Screen.Line("what %s has to do is known when it runs", e.work.Name) }, nil
	}
	due, err := job.Left(ctx)
	doc.Due = append(doc.Due, due...)
	return doc, func() {
		if len(doc.Due) == 0 {
			e.Screen.Line("nothing to do")
		}
		for _, line := range doc.Due {
			e.Screen.Line("to do: %s", line)
		}
	}, err
}

// counted is a number of rows that a forecast has a word for.
type counted struct {
	n           int64
	thing, what string
}

// counted writes those of the numbers that are not 0.
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
func (e *Execution) from(t *time.Time) string {
	if t == nil {
		return ""
	}
	return ", from " + e.when(*t)
}

// when writes an instant in the time zone of the business.
func (e *Execution) when(t time.Time) string {
	return cli.CalendarOn(e.today, e.config.Business.Location()).At(t)
}
