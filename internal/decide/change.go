package decide

import (
	"context"
	"errors"
	"fmt"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/session"
)

// AsDropped is the only way to resolve a planned change.
const AsDropped = "dropped"

// ReadChange checks the arguments of `duly resolve change`, all at once.
func (f ResolveFlags) ReadChange(args []string) (id uint64, err error) {
	var found []error
	if len(args) != 1 {
		found = append(found, errors.New(`say which change, by its id: duly resolve change 7 --as dropped --reason "…"`))
	} else if id, err = cli.ReadID(args[0]); err != nil {
		found = append(found, err)
	}
	if f.As != AsDropped {
		found = append(found, fmt.Errorf("--as: a change is resolved as %s alone", AsDropped))
	}
	if !session.HasReason(f.Reason) {
		found = append(found, errors.New("--reason: say why, for those who ask later"))
	}
	return id, exit.Usage(errors.Join(found...))
}

// DropChange ends a planned change that is not applied yet.
func DropChange(ctx context.Context, ses *session.Session, db *session.Database, id uint64, f ResolveFlags) error {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	action := session.ActionOn("resolve", "change", id, f.Reason, map[string]string{"as": AsDropped})
	subscription, err := operator.DropChange(ctx, db.DB, id, business(), action)
	if err != nil {
		return RefusedOr(err)
	}
	detail := fmt.Sprintf("it is never applied; the next run bills subscription %d without it", subscription)
	if ses.Screen.JSON {
		return ses.Screen.Print(Resolved{What: "change", ID: id, As: AsDropped, Done: true, Detail: detail})
	}
	ses.Screen.Line("change %d resolved as %s: %s", id, AsDropped, detail)
	return nil
}
