package checkup

import (
	"slices"
	"strings"

	"duly/internal/cli"
)

// doctorText writes checks for people: the checks that failed with their fix, those that warn, the time zone, and how many others there
// are; all of them with --verbose. The last line says whether all is ready, or what to mend first.
func doctorText(screen *cli.Screen, found []Check) {
	failed, warned, column := 0, 0, 0
	for _, v := range found {
		switch {
		case !v.OK:
			failed++
		case v.Mend != "":
			warned++
		}
		if shows(screen, v) {
			column = max(column, len(doctorLabel(v))+4)
		}
	}
	verdict := func() {
		if warned > 0 {
			screen.Line("%s ready: %s, %s", cli.SignDone, cli.Things(int64(len(found)), "check"), cli.Things(int64(warned), "warning"))
			return
		}
		screen.Line("%s ready: %s", cli.SignDone, cli.Things(int64(len(found)), "check"))
	}
	if failed > 0 {
		screen.Line("%s not ready: %s", cli.SignFailed, cli.Things(int64(failed), "problem"))
	}
	others := int64(0)
	for _, v := range found {
		if !shows(screen, v) {
			others++
			continue
		}
		mark := "  "
		switch {
		case v.OK && v.Mend != "":
			mark = string(cli.SignLook) + " "
		case v.OK:
			mark = string(cli.SignDone) + " "
		case screen.Verbose:
			mark = string(cli.SignFailed) + " "
		}
		detail := v.Detail
		if _, name, ok := strings.Cut(v.Check, "gateway "); ok && !strings.HasPrefix(detail, name+": ") {
			detail = name + ": " + strings.TrimPrefix(detail, v.Check+": ")
		}
		screen.Item(mark+doctorLabel(v), column, strings.TrimPrefix(detail, doctorLabel(v)+" "), v.Mend)
	}
	if failed > 0 && others > 0 {
		screen.Line("%s %s", cli.SignDone, cli.Things(others, "other check"))
	}
	if failed == 0 {
		verdict()
		return
	}
	first := found[slices.IndexFunc(found, func(v Check) bool { return !v.OK })]
	screen.Line("fix first: %s", strings.TrimSuffix(doctorLabel(first)+" · "+first.Mend, " · "))
}

// shows reports whether a check stands by itself.
func shows(screen *cli.Screen, v Check) bool {
	return screen.Verbose || !v.OK || v.Mend != "" || v.told
}

// doctorLabel is what people call a check.
func doctorLabel(v Check) string {
	if v.Check == "migrations" {
		return "schema"
	}
	label, _, _ := strings.Cut(v.Check, "gateway ")
	if label == "" {
		return "gateway"
	}
	return label
}
