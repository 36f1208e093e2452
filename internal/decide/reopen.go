package decide

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/session"
)

// ReopenFlags are the flags of `duly reopen`.
type ReopenFlags struct {
	Runs    []uint64
	Gateway string
	Classes []string
	Reason  string
	Dry     bool
}

// Classes lists the classes of declines that can be reopened, as they are typed.
func Classes() []payment.Class { return []payment.Class{payment.Hard, payment.Action, payment.Soft} }

// WordsOf is classes as they are typed.
func WordsOf(list []payment.Class) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = string(c)
	}
	return out
}

// Reopens checks which declines `duly reopen` was told to take back, with every mistake at once.
func Reopens(ses *session.Session, f ReopenFlags) ([]payment.Class, error) {
	c, err := ses.Load()
	if err != nil {
		return nil, err
	}
	var found []error
	if len(f.Runs) == 0 {
		found = append(found, errors.New("--run: say which run had them declined; duly runs lists them"))
	}
	names := strings.Join(session.GatewayNames(c), ", ")
	switch {
	case f.Gateway == "":
		found = append(found, fmt.Errorf("--gateway: say which gateway declined them; there are: %s", names))
	case !slices.Contains(session.GatewayNames(c), f.Gateway):
		found = append(found, fmt.Errorf("--gateway: %q is not configured on this host; there are: %s", f.Gateway, names))
	}
	var list []payment.Class
	for _, word := range f.Classes {
		if class := payment.Class(word); slices.Contains(Classes(), class) {
			list = append(list, class)
		} else {
			found = append(found, fmt.Errorf("--class: %w", cli.UnknownWord("value", word, WordsOf(Classes()))))
		}
	}
	if len(f.Classes) == 0 {
		found = append(found, fmt.Errorf("--class: say which: %s", strings.Join(WordsOf(Classes()), ", ")))
	}
	return list, errors.Join(found...)
}
