package decide

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/inspect"
	"duly/internal/payment"
	"duly/internal/query/worklist"
	"duly/internal/session"
)

// ManyFlags select rows of a list, for `duly resolve` and `duly requeue`.
type ManyFlags struct {
	inspect.FilterFlags

	Yes, Dead bool
}

// Given reports whether rows are selected by filters.
func (f *ManyFlags) Given(changed func(flag string) bool) bool {
	return f.FilterFlags.Given(changed) || f.Dead || f.Yes
}

// typed is the filters as they are typed again.
func (f *ManyFlags) typed() string {
	if f.Dead {
		return " --" + cli.FlagDead + f.FilterFlags.Typed()
	}
	return f.FilterFlags.Typed()
}

// Check finds mistakes of the command line, all at once.
func (f *ManyFlags) Check(a *session.Session, args []string) error {
	var found []error
	if len(args) > 0 {
		found = append(found, fmt.Errorf("%q: filters and --%s take no id beside them", args[0], cli.FlagYes))
	}
	if f.typed() == "" && len(args) == 0 {
		found = append(found, fmt.Errorf("--%s: say what to do it to, by a filter such as --%s TEXT or --%s DAY", cli.FlagYes, cli.FlagMatching, cli.FlagSince))
	}
	return errors.Join(append(found, f.FilterFlags.Check(a))...)
}

// Bulk is what is done to many rows.
type Bulk struct {
	verb, what, as string
	command        string // without the filters
	preview        func(ctx context.Context, db *session.Database, id uint64) (string, error)
	do             func(ctx context.Context, db *session.Database, id uint64) (string, error)
	next           string // what to type once some are done; empty: nothing
}

// BulkView is the document of `duly resolve` and `duly requeue` by filters.
type BulkView struct {
	Action  string     `json:"action"`
	What    string     `json:"what"`
	As      string     `json:"as,omitempty"`
	DryRun  bool       `json:"dry_run"`
	Rows    []Resolved `json:"rows"`
	Done    int        `json:"done"` // by this command, or to be
	Refused int        `json:"refused"`
	Next    []string   `json:"next"` // commands to type
}

// ResolveMany is `duly resolve` by filters.
func ResolveMany(ses *session.Session, r Resolver, f ResolveFlags, as payment.Resolution) Bulk {
	return Bulk{
		verb: "resolve", what: r.What, as: string(as),
		command: fmt.Sprintf("duly resolve %s --as %s --reason %s", r.What, as, inspect.Quoted(f.Reason)),
		preview: func(ctx context.Context, db *session.Database, id uint64) (string, error) {
			return r.preview(ctx, ses, db, id, as)
		},
		do: func(ctx context.Context, db *session.Database, id uint64) (string, error) {
			if _, err := r.preview(ctx, ses, db, id, as); err != nil {
				return "", err
			}
			return r.Do(ctx, ses, db, id, "", as, f.Action(r.What, id, as, ""))
		},
	}
}

// Many shows what would be done to the rows that filters select, or does it: each by itself, exactly as one is done, so that it
// may be killed and typed again. What is refused is named, and the others are done.
func Many(ctx context.Context, ses *session.Session, db *session.Database, f ManyFlags, b Bulk) error {
	ids, err := selected(ctx, ses, db, f, b.what)
	if err != nil {
		return err
	}
	v := BulkView{Action: b.verb, What: b.what, As: b.as, DryRun: !f.Yes, Rows: []Resolved{}, Next: []string{}}
	do := b.preview
	if f.Yes {
		do = b.do
	}
	var refusals []error
	for _, id := range ids {
		r := Resolved{What: b.what, ID: id, As: b.as}
		detail, err := do(ctx, db, id)
		switch err = RefusedOr(err); {
		case err == nil:
			r.Done, r.Detail = f.Yes, detail
			v.Done++
		case isRefusal(err):
			r.Detail = err.Error()
			v.Refused++
			refusals = append(refusals, fmt.Errorf("%s %d: %w", b.what, id, err))
		default:
			return err
		}
		if ses.Screen.JSON {
			v.Rows = append(v.Rows, r)
		} else if err == nil {
			ses.Screen.Line("%s %d: %s", b.what, id, detail)
		}
	}
	if !f.Yes && v.Done > 0 {
		v.Next = append(v.Next, b.command+f.typed()+" --"+cli.FlagYes)
	} else if v.Done > 0 && b.next != "" {
		v.Next = append(v.Next, b.next)
	}
	return conclude(ses.Screen, v, showMany, refusals)
}

func showMany(screen *cli.Screen, v BulkView) {
	did := v.Action + "d"
	end := ""
	if v.DryRun {
		did, end = "would be "+did, "; nothing was changed"
	}
	if v.Done+v.Refused == 0 {
		screen.Line("no %s that waits is selected", v.What)
		return
	}
	line := cli.Plural(int64(v.Done), v.What) + " " + did
	if v.Refused > 0 {
		line += fmt.Sprintf(", %d refused", v.Refused)
	}
	screen.Line("%s%s", line, end)
	for _, next := range v.Next {
		screen.Command("next: %s", next)
	}
}

// selected lists the rows of a kind that the filters select, by their ids; no more than the ids is held of them.
func selected(ctx context.Context, ses *session.Session, db *session.Database, f ManyFlags, what string) ([]uint64, error) {
	c, err := ses.Load()
	if err != nil {
		return nil, err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return nil, err
	}
	filter, err := f.Filter(ctx, ses, db, business())
	if err != nil {
		return nil, err
	}
	var ids []uint64
	if err := f.Spec.Open(payment.DateOf(business().In(c.Business.Location()))).Each(ctx, db.DB, filter, func(l worklist.Row) error {
		ids = append(ids, idsOfRow(l, what)...)
		return nil
	}); err != nil {
		return nil, exit.Failed(err)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// idsOfRow are the rows of a kind that a listed row names.
func idsOfRow(l worklist.Row, what string) []uint64 {
	switch {
	case what == "payment":
		return l.Payments
	case what == worklist.Change && !l.Stuck && !l.Gone: // a run applies it
		return nil
	case what == l.What:
		return []uint64{l.ID}
	case what == worklist.Attempt && l.What == worklist.Invoice && l.Attempt != 0:
		return []uint64{l.Attempt}
	}
	return nil
}
