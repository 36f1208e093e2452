package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/cli"
)

// Idle reports whether the step had nothing to do: it ended well and counted no row before it and none on its way.
func (v Step) Idle() bool {
	return v.Read == 0 && v.Status == string(batch.Completed) && v.done() == 0 && v.moved+v.ended+v.changed == 0 && v.Due <= 0 && len(v.Errors) == 0
}

// done is how many items are settled, whatever became of them.
func (v Step) done() int64 {
	return v.Succeeded + v.Declined + v.Released + v.InDoubt + v.Rejected + v.Review
}

// Line is a step that has ended, in a line.
func (v Step) Line() string {
	seconds := cli.Took(time.Duration(v.Seconds * float64(time.Second)))
	counts := v.counts(" · ")
	switch {
	case v.Status == string(batch.Failed) && v.Succeeded+v.Declined == 0:
		return lead(cli.SignFailed, v.Step) + "stopped after " + seconds + v.why()
	case v.Status == string(batch.Failed):
		return lead(cli.SignFailed, v.Step) + counts + " · stopped after " + seconds + v.why()
	case v.Status == string(batch.Stopped) && counts == "":
		return lead(cli.SignLook, v.Step) + "stopped after " + seconds + v.why()
	case v.Status == string(batch.Stopped):
		return lead(cli.SignLook, v.Step) + counts + " · stopped after " + seconds + v.why()
	case counts == "" && v.Due > 0:
		return lead(cli.SignLook, v.Step) + "none of " + cli.Number(v.Due) + " done · " + seconds
	case counts == "":
		return lead(cli.SignDone, v.Step) + "nothing due · " + seconds
	}
	return lead(cli.SignDone, v.Step) + counts + " · " + seconds
}

// why says what stopped the step.
func (v Step) why() string {
	if len(v.Errors) == 0 {
		return ""
	}
	return ": " + strings.Join(v.Errors, "; ")
}

// counts says what became of the items of a step; zeros are left out. Empty: there were none.
func (v Step) counts(separator string) string {
	words := v.label.Words()
	var parts []string
	add := func(n int64, word string) {
		if n > 0 {
			parts = append(parts, cli.Number(n)+" "+word)
		}
	}
	succeeded := words.Succeeded
	if v.found > 0 {
		succeeded += fmt.Sprintf(" (%s found paid, not charged again)", cli.Number(v.found))
	}
	if v.label.Made != "" && v.Succeeded > 0 {
		parts = append(parts, cli.Things(v.Succeeded, v.label.Made))
	} else {
		add(v.Succeeded, succeeded)
	}
	add(v.Declined, words.Declined)
	add(v.Released, words.Released)
	add(v.InDoubt, words.InDoubt)
	add(v.Rejected, words.Rejected)
	add(v.Review, words.Review)
	add(v.moved, "put off without a charge")
	add(v.ended, "void without a charge")
	add(v.changed, "changed as planned")
	switch {
	case v.Read == 0 || v.label.Bookkeeping && len(parts) > 0:
		return strings.Join(parts, separator)
	case len(parts) == 1 && v.done() == v.Read:
		_, word, _ := strings.Cut(parts[0], " ")
		return cli.Things(v.Read, v.label.Unit) + " " + word
	case separator == ", " && len(parts) > 0:
		return cli.Things(v.Read, v.label.Unit) + ": " + strings.Join(parts, separator)
	}
	return strings.Join(append([]string{cli.Things(v.Read, v.label.Unit)}, parts...), separator)
}

// folded names steps in a line, of several that are numbered the first and the last: retry-1 to 3.
func folded(names []string) string {
	var out []string
	for i := 0; i < len(names); {
		begin, n := numbered(names[i])
		last := i
		for n > 0 && last+1 < len(names) {
			next, m := numbered(names[last+1])
			if next != begin || m != n+last+1-i {
				break
			}
			last++
		}
		if last == i {
			out = append(out, names[i])
		} else {
			out = append(out, fmt.Sprintf("%s to %d", names[i], n+last-i))
		}
		i = last + 1
	}
	return strings.Join(out, ", ")
}

// numbered splits a name such as retry-1; 0: it has no number.
func numbered(name string) (begin string, n int) {
	at := strings.LastIndexByte(name, '-')
	if at < 0 {
		return name, 0
	}
	n, err := strconv.Atoi(name[at+1:])
	if err != nil {
		return name, 0
	}
	return name[:at], n
}
