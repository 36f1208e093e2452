package changes

import (
	"context"
	"fmt"
	"strings"

	"duly/internal/billing/planned"
	"duly/internal/mysql"
)

// Refusal is why changes of a kind cannot be written: the login may not, or a view does not take them.
type Refusal struct {
	Kind  planned.Kind
	Count int64  // changes of the kind that are planned, due or not
	What  string // empty: they can be written
	Fix   string // what an administrator types; empty where it is not a right that is missing
}

// String is r as a reason for review. A fix leaves no room in it for the database's own words.
func (r Refusal) String() string {
	if r.Fix == "" {
		return r.What
	}
	return r.What + ": " + r.Fix
}

// refusalOf tries to write the columns of a kind of change in no row.
func refusalOf(ctx context.Context, db *mysql.DB, kind planned.Kind) (r Refusal, _ error) {
	names := columnsOf(kind)
	if len(names) == 0 {
		return r, nil
	}
	why, err := mysql.RefusedUpdate(ctx, db, "subscriptions", names)
	if err != nil || why == nil {
		return r, err
	}
	r = Refusal{Kind: kind, What: strings.Join(names, " and ") + " of subscriptions cannot be written"}
	switch {
	case !mysql.IsDenied(why):
		r.What += fmt.Sprintf(" (%s)", mysql.Reason(why))
	case kind == planned.Method:
		r.Fix = "apply deploy/sql/grants.sql again"
	default:
		r.Fix = "GRANT duly_changes TO duly_worker"
	}
	return r, nil
}

const plannedKinds = `SELECT kind, COUNT(*) AS count FROM subscription_changes WHERE applied_at IS NULL GROUP BY kind ORDER BY kind`

// Refusals are the kinds that are planned, due or not, and that this login cannot write. One that may not read planned changes has none.
func Refusals(ctx context.Context, db *mysql.DB) (list []Refusal, _ error) {
	var kinds []struct {
		Kind  string
		Count int64
	}
	err := db.SelectContext(ctx, &kinds, plannedKinds)
	switch {
	case mysql.IsDenied(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look for planned changes: %w", mysql.Classify(ctx, err))
	}
	for _, k := range kinds {
		r, err := refusalOf(ctx, db, planned.KindOf(k.Kind))
		if err != nil {
			return nil, err
		}
		if r.Count = k.Count; r.What != "" {
			list = append(list, r)
		}
	}
	return list, nil
}
