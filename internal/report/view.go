package report

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"duly/internal/text"
)

// pageView is what the template writes.
type pageView struct {
	Title, Heading, Kicker string
	Verdict                verdict
	Exit                   string
	Facts                  []fact
	Night                  []partRow
	Runs                   []runView
	Written                string
	Level                  int // of the headings of sections
}

// partRow is a job of a night.
type partRow struct {
	Job, Exit string
	Verdict   verdict
	Why       string
	Anchor    string // of its run; empty: it has none
	Collected []string
}

// runView is a run.
type runView struct {
	ID, Heading string
	Level       int
	Verdict     verdict
	Exit        string
	Facts       []fact
	Error       string
	Figures     []figure
	Next        []string
	Left, Notes []string
	Waiting     []reviewView
	Wait        bool // something waits
	More        string
	Outcomes    outcomesView
	Collected   []sumView
	GivenBack   []sumView
	Stages      []stageView
	Declines    []declineView
	Causes      []causeView
	MoreCauses  string
	Pace        *columnsView
	Gateways    []gatewayView
	Daily       *dailyView
}

// sumsView are sums under a heading.
type sumsView struct {
	Run, Name, Text string
	Sums            []sumView
}

// SumsOf are the sums of that name.
func (v runView) SumsOf(name string) sumsView {
	if name == "back" {
		return sumsView{v.ID, name, "Given back", v.GivenBack}
	}
	return sumsView{v.ID, name, "Collected", v.Collected}
}

// figure is one of the few numbers that matter most.
type figure struct{ Value, Name, Note string }

// reviewView is a row that waits for an operator.
type reviewView struct {
	What, Reason, Money, Since, Command string
	New                                 bool
}

// declineView is a reason of declines.
type declineView struct {
	Code, Class, Count, Share string
	Bar                       []segment
}

// causeView is a cause with how many rows have it.
type causeView struct{ Count, What, Why string }

// dailyView are the figures of days.
type dailyView struct {
	Orders   []dayRow
	Products []productRow
	More     string
}

type dayRow struct{ Date, Completed, Failed, Sold, GivenBack string }

type productRow struct{ Date, Name, Quantity, Amount string }

// viewOf prepares the page.
func viewOf(p Page) pageView {
	if p.Zone == nil {
		p.Zone = time.UTC
	}
	v := pageView{Written: instant(p.Written, p.Zone), Level: 2}
	if p.Night == nil && len(p.Runs) == 1 {
		r := p.Runs[0]
		v.Heading, v.Kicker = title(r.Job)+", "+longDate(r.Date), "Run "+strconv.FormatUint(r.ID, 10)
		v.Title = v.Kicker + " · " + r.Job + " · " + r.Date
		run := runOf(r, p.Zone, v.Level)
		v.Verdict, v.Exit, v.Facts = run.Verdict, run.Exit, run.Facts
		v.Runs = []runView{run}
		return v
	}
	v.Kicker, v.Level = "Night", 3
	if n := p.Night; n != nil {
		v.Heading, v.Title = "The night of "+longDate(n.Date), "Night · "+n.Date
		v.Verdict, v.Exit = verdictOf(n.Exit), strconv.Itoa(n.Exit)
		v.Facts = []fact{
			{"Host", n.Host, ""},
			{"Started", instant(n.Started, p.Zone), ""},
			{"Took", length(n.Finished.Sub(n.Started).Seconds()), ""},
		}
		v.Night = partsOf(*n, p.Runs)
	}
	for _, r := range p.Runs {
		v.Runs = append(v.Runs, runOf(r, p.Zone, v.Level))
	}
	return v
}

func partsOf(n Night, runs []Run) []partRow {
	byID := map[uint64]Run{}
	for _, r := range runs {
		byID[r.ID] = r
	}
	var out []partRow
	for _, part := range n.Parts {
		row := partRow{Job: part.Job, Exit: strconv.Itoa(part.Exit), Verdict: verdictOf(part.Exit), Why: strings.TrimPrefix(part.Why, "not run: ")}
		if r, ok := byID[part.Run]; ok {
			row.Anchor = anchor(r.ID)
			for _, sum := range sumsOf(r.Steps, false) {
				row.Collected = append(row.Collected, sum.Amount)
			}
		}
		out = append(out, row)
	}
	return out
}

func anchor(run uint64) string { return "run-" + strconv.FormatUint(run, 10) }

func runOf(r Run, zone *time.Location, level int) runView {
	v := runView{
		ID: anchor(r.ID), Heading: title(r.Job), Level: level, Verdict: r.verdict(), Exit: "none", Facts: factsOf(r, zone), Error: text.Joined(r.Error),
		Next: r.Next, Outcomes: outcomesOf(r.Steps), Collected: sumsOf(r.Steps, false), GivenBack: sumsOf(r.Steps, true),
		Causes: causesOf(r.Causes), MoreCauses: moreCauses(r.MoreCauses),
		Stages: stagesOf(r.Steps), Declines: declinesOf(r.Declines), Gateways: gatewaysOf(r.Measured), Daily: dailyOf(r.Daily),
	}
	if r.Exit != nil {
		v.Exit = strconv.Itoa(*r.Exit)
	}
	if m := r.Measured; m != nil {
		v.Left, v.Notes, v.Pace = m.Left, m.Notes, paceOf(m.Pace, countedIn(r.Job))
	}
	for _, row := range r.Waiting.Rows {
		w := reviewView{What: row.What, Reason: row.Reason, Since: instant(row.Since, zone), Command: row.Command, New: row.New}
		if row.Money != nil {
			w.Money = row.Money.String()
		}
		v.Waiting = append(v.Waiting, w)
	}
	if r.Waiting.More > 0 {
		v.More = plural(r.Waiting.More, "older row")
	}
	v.Wait = len(v.Waiting) > 0 || r.Waiting.More > 0
	v.Figures = figuresOf(r)
	return v
}

// factsOf is what identifies a run.
func factsOf(r Run, zone *time.Location) []fact {
	facts := []fact{
		{"Run", strconv.FormatUint(r.ID, 10), ""}, {"Business date", r.Date, ""}, {"Started", instant(r.Started, zone), ""},
	}
	if r.Finished != nil {
		facts = append(facts, fact{"Took", length(r.Finished.Sub(r.Started).Seconds()), ""})
	} else {
		facts = append(facts, fact{"Last heartbeat", instant(r.Beat, zone), ""})
	}
	facts = append(facts, fact{"Host", r.Host, ""}, fact{"Process", strconv.Itoa(r.PID), ""}, fact{"Version", r.Version, ""})
	if r.RerunOf != 0 {
		facts = append(facts, fact{"Repeats run", strconv.FormatUint(r.RerunOf, 10), ""})
	}
	var told []string
	for _, t := range r.Told {
		told = append(told, t.Name+" "+t.Value)
	}
	if len(told) > 0 {
		facts = append(facts, fact{"Told", strings.Join(told, "; "), ""})
	}
	return facts
}

// ToldBy lists what the parameters of a run, a JSON object, say; nothing if they say nothing.
func ToldBy(params []byte) []Told {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(params, &fields); err != nil {
		return nil
	}
	var out []Told
	for _, name := range sortedKeys(fields) {
		var text string
		if err := json.Unmarshal(fields[name], &text); err != nil {
			text = strings.Trim(string(fields[name]), "[]")
			text = strings.NewReplacer(`"`, "", ",", ", ").Replace(text)
		}
		out = append(out, Told{strings.ReplaceAll(name, "_", " "), text})
	}
	return out
}

// figuresOf are the numbers at the top: what was collected is below, where there is room for every currency.
func figuresOf(r Run) []figure {
	var read, succeeded, declined, waiting int64
	var seconds float64
	charged := false
	for _, s := range r.Steps {
		waiting += s.Review + s.Rejected
		if r.Job == "billing" && !charging(s.Name) {
			continue
		}
		charged = charged || charging(s.Name)
		read += s.Read
		succeeded += s.Succeeded
		declined += s.Declined
		seconds += s.Seconds
	}
	if !charged {
		return nil
	}
	out := []figure{
		{number(succeeded), "charges succeeded", ""},
		{number(declined), "declined", ""},
		{percent(succeeded, succeeded+declined), "of what was decided succeeded", ""},
	}
	if waiting > 0 {
		out = append(out, figure{number(waiting), "sent to review", ""})
	}
	return out
}

func causesOf(list []Cause) []causeView {
	var out []causeView
	for _, c := range list {
		v := causeView{Count: number(c.Rows), What: c.What, Why: c.Why}
		if v.Why == "" {
			v.Why = "no reason given"
		}
		out = append(out, v)
	}
	return out
}

// moreCauses says that there are others.
func moreCauses(n int) string {
	if n == 0 {
		return ""
	}
	return "and " + plural(int64(n), "other")
}

func declinesOf(list []Decline) []declineView {
	var total, most int64
	for _, d := range list {
		total, most = total+d.Count, max(most, d.Count)
	}
	var out []declineView
	for _, d := range list {
		v := declineView{Code: d.Code, Class: d.Class, Count: number(d.Count), Share: percent(d.Count, total)}
		if v.Code == "" {
			v.Code = "no code"
		}
		v.Bar = segments([]slice{{"declined", d.Count, v.Code + ": " + v.Count}, {"track", most - d.Count, ""}})
		out = append(out, v)
	}
	return out
}

func dailyOf(d *Daily) *dailyView {
	if d == nil {
		return nil
	}
	v := &dailyView{}
	for _, o := range d.Orders {
		v.Orders = append(v.Orders, dayRow{
			o.Date, number(o.Completed), number(o.Failed), money(o.Sold, o.Currency), money(o.GivenBack, o.Currency),
		})
	}
	for _, s := range d.Products {
		row := productRow{s.Date, s.Name, number(s.Quantity), "in several currencies"}
		if row.Name == "" {
			row.Name = "product " + strconv.FormatUint(s.ID, 10)
		}
		if s.Currency != "" {
			row.Amount = money(s.Amount, s.Currency)
		}
		v.Products = append(v.Products, row)
	}
	if d.More > 0 {
		v.More = plural(int64(d.More), "more product")
	}
	return v
}
