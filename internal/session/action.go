package session

import (
	"fmt"
	"os"
	"os/user"
	"strings"

	"duly/internal/operator"
)

// Action is what is recorded of an operator's command about a subject.
func Action(action, subject, reason string) operator.Action {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return operator.Action{Action: action, Subject: subject, Who: OperatorName(), Host: host, Reason: reason}
}

// ActionOn is what is recorded of an operator's command.
func ActionOn(action, what string, id uint64, reason string, detail any) operator.Action {
	return operator.Action{Action: action, Subject: fmt.Sprintf("%s:%d", what, id), Who: OperatorName(), Host: Hostname(), Reason: reason, Detail: detail}
}

// HasReason reports whether a reason says something: more than the mark that stands in its place where duly prints a command.
func HasReason(reason string) bool { return strings.Trim(reason, "….\t ") != "" }

// OperatorName is who types: the user behind sudo, if there is one.
func OperatorName() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
