package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"duly/internal/payment"
	"duly/internal/query/worklist"
)

// flagYes does what a filter selects, and flagDead selects every event that was given up.
const (
	flagYes  = "yes"
	flagDead = "dead"
)

// manyFlags select rows of a list, for `duly resolve` and `duly requeue`.
type manyFlags struct {
	filterFlags

	yes, dead bool
}

// add gives a command the filters of a list. What sort of row it takes is clear from the command.
func (f *manyFlags) add(a *app, cmd *cobra.Command, list string) {
	spec := listSpecs()[slices.IndexFunc(listSpecs(), func(s listSpec) bool { return s.name == list })]
	spec.whats = nil
	f.filterFlags.add(a, cmd, flagMatching, spec)
	if spec.sinks {
		cmd.Flags().BoolVar(&f.dead, flagDead, false, "every event that was given up")
	}
	cmd.Flags().BoolVar(&f.yes, flagYes, false, "do it to all that the filters select (default false: only show what would be done)")
}

// given reports whether rows are selected by filters.
func (f *manyFlags) given(flags *pflag.FlagSet) bool {
	return f.filterFlags.given(flags) || f.dead || f.yes
}

// typed is the filters as they are typed again.
func (f *manyFlags) typed() string {
	if f.dead {
		return " --" + flagDead + f.filterFlags.typed()
	}
	return f.filterFlags.typed()
}

// check finds mistakes of the command line, all at once.
func (f *manyFlags) check(a *app, args []string) error {
	var found []error
	if len(args) > 0 {
		found = append(found, fmt.Errorf("%q: filters and --%s take no id beside them", args[0], flagYes))
	}
	if f.typed() == "" && len(args) == 0 {
		found = append(found, fmt.Errorf("--%s: say what to do it to, by a filter such as --%s TEXT or --%s DAY", flagYes, flagMatching, flagSince))
	}
	return errors.Join(append(found, f.filterFlags.check(a))...)
}

// bulk is what is done to many rows.
type bulk struct {
	verb, what, as string
	command        string // without the filters
	preview        func(ctx context.Context, db *database, id uint64) (string, error)
	do             func(ctx context.Context, db *database, id uint64) (string, error)
	next           string // what to type once some are done; empty: nothing
}

// bulkView is the document of `duly resolve` and `duly requeue` by filters.
type bulkView struct {
	Action  string     `json:"action"`
	What    string     `json:"what"`
	As      string     `json:"as,omitempty"`
	DryRun  bool       `json:"dry_run"`
	Rows    []resolved `json:"rows"`
	Done    int        `json:"done"` // by this command, or to be
	Refused int        `json:"refused"`
	Next    []string   `json:"next"` // commands to type
}

func resolveMany(r resolver, f resolveFlags, as payment.Resolution) bulk {
	return bulk{
		verb: "resolve", what: r.what, as: string(as),
		command: fmt.Sprintf("duly resolve %s --as %s --reason %s", r.what, as, quoted(f.reason)),
		preview: func(ctx context.Context, db *database, id uint64) (string, error) { return r.preview(ctx, db, id, as) },
		do: func(ctx context.Context, db *database, id uint64) (string, error) {
			if _, err := r.preview(ctx, db, id, as); err != nil {
				return "", err
			}
			return r.do(ctx, db, id, "", as, f.action(r.what, id, as, ""))
		},
	}
}

// many shows what would be done to the rows that filters select, or does it: each by itself, exactly as one is done, so that it
// may be killed and typed again. What is refused is named, and the others are done.
func (a *app) many(ctx context.Context, db *database, f manyFlags, b bulk) error {
	ids, err := a.selected(ctx, db, f, b.what)
	if err != nil {
		return err
	}
	v := bulkView{Action: b.verb, What: b.what, As: b.as, DryRun: !f.yes, Rows: []resolved{}, Next: []string{}}
	do := b.preview
	if f.yes {
		do = b.do
	}
	var refusals []error
	for _, id := range ids {
		r := resolved{What: b.what, ID: id, As: b.as}
		detail, err := do(ctx, db, id)
		switch err = refusedOr(err); {
		case err == nil:
			r.Done, r.Detail = f.yes, detail
			v.Done++
		case isRefusal(err):
			r.Detail = err.Error()
			v.Refused++
			refusals = append(refusals, fmt.Errorf("%s %d: %w", b.what, id, err))
		default:
			return err
		}
		if a.json {
			v.Rows = append(v.Rows, r)
		} else if err == nil {
			a.line("%s %d: %s", b.what, id, detail)
		}
	}
	if !f.yes && v.Done > 0 {
		v.Next = append(v.Next, b.command+f.typed()+" --"+flagYes)
	} else if v.Done > 0 && b.next != "" {
		v.Next = append(v.Next, b.next)
	}
	if a.json {
		if err := a.print(v); err != nil {
			return err
		}
	} else {
		a.showMany(v)
	}
	return usage(errors.Join(refusals...))
}

func (a *app) showMany(v bulkView) {
	did := v.Action + "d"
	end := ""
	if v.DryRun {
		did, end = "would be "+did, "; nothing was changed"
	}
	if v.Done+v.Refused == 0 {
		a.line("no %s that waits is selected", v.What)
		return
	}
	line := plural(int64(v.Done), v.What) + " " + did
	if v.Refused > 0 {
		line += fmt.Sprintf(", %d refused", v.Refused)
	}
	a.line("%s%s", line, end)
	for _, next := range v.Next {
		a.command("next: %s", next)
	}
}

// selected lists the rows of a kind that the filters select, by their ids; no more than the ids is held of them.
func (a *app) selected(ctx context.Context, db *database, f manyFlags, what string) ([]uint64, error) {
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return nil, err
	}
	filter, err := f.filter(ctx, a, db, business())
	if err != nil {
		return nil, err
	}
	var ids []uint64
	if err := f.spec.open(payment.DateOf(business().In(c.Business.Location()))).Each(ctx, db.DB, filter, func(l worklist.Row) error {
		ids = append(ids, idsOfRow(l, what)...)
		return nil
	}); err != nil {
		return nil, failed(err)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// idsOfRow are the rows of a kind that a listed row names.
func idsOfRow(l worklist.Row, what string) []uint64 {
	switch {
	case what == "payment":
		return l.Payments
	case what == l.What:
		return []uint64{l.ID}
	case what == worklist.Attempt && l.What == worklist.Invoice && l.Attempt != 0:
		return []uint64{l.Attempt}
	}
	return nil
}
