package main

import "strings"

// doctorText writes checks for people: the verdict, the checks that failed with their fix, those that warn, and how many others there
// are; all of them with --verbose.
func doctorText(screen *Screen, found []checkView) {
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
	switch {
	case failed > 0:
		screen.line("%s not ready: fix %d first", signFailed, failed)
	case warned > 0:
		screen.line("%s ready: %s, %s", signDone, things(int64(len(found)), "check"), things(int64(warned), "warning"))
	default:
		screen.line("%s ready: %s", signDone, things(int64(len(found)), "check"))
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
			mark = string(signLook) + " "
		case v.OK:
			mark = string(signDone) + " "
		case screen.verbose:
			mark = string(signFailed) + " "
		}
		detail := v.Detail
		if _, name, ok := strings.Cut(v.Check, "gateway "); ok && !strings.HasPrefix(detail, name+": ") {
			detail = name + ": " + strings.TrimPrefix(detail, v.Check+": ")
		}
		screen.item(mark+doctorLabel(v), column, strings.TrimPrefix(detail, doctorLabel(v)+" "), v.Mend)
	}
	if failed > 0 && others > 0 {
		screen.line("%s %s", signDone, things(others, "other check"))
	}
}

// shows reports whether a check stands by itself.
func shows(screen *Screen, v checkView) bool { return screen.verbose || !v.OK || v.Mend != "" }

// doctorLabel is what people call a check.
func doctorLabel(v checkView) string {
	if v.Check == "migrations" {
		return "schema"
	}
	label, _, _ := strings.Cut(v.Check, "gateway ")
	if label == "" {
		return "gateway"
	}
	return label
}
