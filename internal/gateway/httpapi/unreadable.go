package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// missing says that a field of the contract is not there, or null.
func missing(field string) string { return fmt.Sprintf("field %q is missing", field) }

// malformed says in a few words why a body is no document of the contract. It names the field and never its value, which may be one
// customer's, so that equal mistakes of a service can be counted together.
func malformed(body []byte, err error) string {
	var (
		wrong *json.UnmarshalTypeError
		at    *time.ParseError
	)
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "it is empty"
	case errors.As(err, &wrong):
		return wrongType(wrong)
	case errors.As(err, &at):
		return `field "created_at" is no RFC 3339 time`
	case strings.Contains(err.Error(), "unexpected end of JSON input"):
		return "its JSON is cut off"
	}
	return "it is not JSON"
}

func wrongType(e *json.UnmarshalTypeError) string {
	got, number, _ := strings.Cut(e.Value, " ")
	if e.Field == "" {
		return fmt.Sprintf("it is a JSON %s, not an object", got)
	}
	if e.Type.Kind() == reflect.Int64 {
		if got != "number" {
			return fmt.Sprintf("field %q is a JSON %s, not an integer", e.Field, got)
		}
		if strings.ContainsAny(number, ".eE") {
			return fmt.Sprintf("field %q is not an integer", e.Field)
		}
		return fmt.Sprintf("field %q is out of range", e.Field)
	}
	want := "a string"
	switch e.Type.Kind() { //nolint:exhaustive // the contract has no others
	case reflect.Struct:
		want = "an object"
	case reflect.Slice:
		want = "a list"
	}
	return fmt.Sprintf("field %q is a JSON %s, not %s", e.Field, got, want)
}

var plainWord = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)

// unknownStatus names the status of a payment where it is a word such as the contract has.
func unknownStatus(status string, clean cleaner) string {
	switch {
	case status == "":
		return missing("status")
	case plainWord.MatchString(status) && clean.text(status) == status:
		return fmt.Sprintf(`field "status" is %q, which the contract does not have`, status)
	}
	return `field "status" is none that the contract has`
}

// unreadable is the reason of an answer whose body is no payment; why says what is wrong with it.
func (a answer) unreadable(why string) string {
	return cut(strconv.Itoa(a.status) + " with a body that cannot be read: " + why)
}

// markup are what pages begin with, or have near their beginning.
var markup = [][]byte{[]byte("<!doctype html"), []byte("<html"), []byte("<head"), []byte("<title"), []byte("<body")} //nolint:gochecknoglobals // a constant list

// sniffed is how much of a body is looked at for them.
const sniffed = 1024

// isPage reports whether the answer is a web page: a maintenance page, or the word of a proxy that stands before the service. A JSON
// document is none, whatever its media type says.
func (a answer) isPage() bool {
	body := bytes.TrimSpace(bytes.TrimPrefix(a.body, []byte("\ufeff")))
	if len(body) == 0 || body[0] != '<' {
		return false
	}
	if strings.Contains(strings.ToLower(a.mediaType), "html") {
		return true
	}
	body = bytes.ToLower(body[:min(len(body), sniffed)])
	for _, tag := range markup {
		if bytes.Contains(body, tag) {
			return true
		}
	}
	return false
}

// page is the reason of an answer that is a web page. Its words are not repeated: they may name anybody, and differ from one request
// to the next.
func (a answer) page() string { return strconv.Itoa(a.status) + " with an HTML page" }
