package checkup

import (
	"cmp"
	"context"
	"fmt"

	"duly/internal/changes"
	"duly/internal/session"
	"duly/internal/text"
)

// plannedChanges warns of planned changes that would go to review, since this login cannot write them.
func (d *Checkup) plannedChanges(ctx context.Context, db *session.Database) {
	const check = "planned changes"
	refusals, err := changes.Refusals(ctx, db.DB)
	if err != nil {
		d.note(check, err, "", "check that the server runs")
	}
	for _, r := range refusals {
		d.found = append(d.found, Check{
			Check: check, OK: true, Mend: cmp.Or(r.Fix, "make the view updatable in these columns"),
			Detail: fmt.Sprintf("%s would go to review: %s", text.Plural(r.Count, "planned "+text.Line(string(r.Kind))+" change"), r.What),
		})
	}
}
