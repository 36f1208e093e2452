package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"duly/internal/payment"
)

// reopenFlags are the flags of `duly reopen`.
type reopenFlags struct {
	runs    []uint64
	gateway string
	classes []string
	reason  string
	dry     bool
}

func classes() []payment.Class { return []payment.Class{payment.Hard, payment.Action, payment.Soft} }

func wordsOf(list []payment.Class) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = string(c)
	}
	return out
}

// reopens checks which declines `duly reopen` was told to take back, with every mistake at once.
func reopens(ses *Session, f reopenFlags) ([]payment.Class, error) {
	c, err := ses.load()
	if err != nil {
		return nil, err
	}
	var found []error
	if len(f.runs) == 0 {
		found = append(found, errors.New("--run: say which run had them declined; duly runs lists them"))
	}
	names := strings.Join(gatewayNames(c), ", ")
	switch {
	case f.gateway == "":
		found = append(found, fmt.Errorf("--gateway: say which gateway declined them; there are: %s", names))
	case !slices.Contains(gatewayNames(c), f.gateway):
		found = append(found, fmt.Errorf("--gateway: %q is not configured on this host; there are: %s", f.gateway, names))
	}
	var list []payment.Class
	for _, word := range f.classes {
		if class := payment.Class(word); slices.Contains(classes(), class) {
			list = append(list, class)
		} else {
			found = append(found, fmt.Errorf("--class: %w", unknownWord("value", word, wordsOf(classes()))))
		}
	}
	if len(f.classes) == 0 {
		found = append(found, fmt.Errorf("--class: say which: %s", strings.Join(wordsOf(classes()), ", ")))
	}
	return list, errors.Join(found...)
}
