package schedule

import (
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/config"
	"duly/internal/cli"
	"duly/internal/session"
	"duly/internal/text"
)

// listedFirings is how many firings of each job are listed.
const listedFirings = 3

// View is the document of `duly schedule --list`.
type View struct {
	Timezone string    `json:"timezone"`
	Jobs     []JobView `json:"jobs"`
}

// JobView is a job that has a time.
type JobView struct {
	Job      string      `json:"job"`
	Schedule string      `json:"schedule"`
	Next     []time.Time `json:"next_at"`
}

// Print prints the next firings of each job.
func Print(ses *session.Session, c *config.Config, jobs []Job) error {
	v := View{Timezone: c.Business.Timezone}
	var rows []table.Row
	for _, job := range jobs {
		one := JobView{Job: job.Name, Schedule: job.Text}
		var shown []string
		for at := ses.Now(); len(one.Next) < listedFirings; {
			at = job.When.Next(at)
			one.Next, shown = append(one.Next, at.UTC()), append(shown, onTheWall(at))
		}
		v.Jobs = append(v.Jobs, one)
		rows = append(rows, table.Row{job.Name, job.Text, cli.Stacked(shown)})
	}
	if ses.Screen.JSON {
		return ses.Screen.Print(v)
	}
	ses.Screen.Line("Times in %s", v.Timezone)
	ses.Screen.Table(table.Row{"job", "schedule", "next"}, rows)
	return nil
}

// announce writes what is scheduled, a line a job, and where the scheduler's health is.
func announce(screen *cli.Screen, c *config.Config, jobs []Job, now time.Time, health string) {
	for _, job := range jobs {
		screen.Say(screen.People(), text.Sprintf("%s: %s (%s), next %s", job.Name, job.Text, c.Business.Timezone, onTheWall(job.When.Next(now))))
	}
	if health != "" {
		screen.Say(screen.People(), text.Sprintf("health: http://%s/healthz", health))
	}
}

// onTheWall is an instant as the clock of its zone shows it.
func onTheWall(t time.Time) string { return t.Format("Mon 2006-01-02 15:04 -07:00") }
