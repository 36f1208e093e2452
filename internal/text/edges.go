package text

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Slack returns s as a part of one line of Slack's markup, of at most most characters before escaping: no mention, no link, no
// code and no emphasis.
func Slack(s string, most int) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "'", "*", "∗", "~", "∼").Replace(Short(s, most))
}

// Cell returns s as a cell of CSV that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe
// before it.
func Cell(s string) string {
	cell := Short(s, CellLength)
	switch first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(cell, unicode.IsSpace)); first {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠':
		return "'" + Short(s, CellLength-1)
	}
	return cell
}

// CSV writes rows whose cells are texts, or numbers, which stay as they are.
func CSV(w io.Writer, rows [][]any) error {
	var b bytes.Buffer // whole, since a rune that is cut in two cannot be read
	out := csv.NewWriter(&b)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			switch v := cell.(type) {
			case int, int64, uint64:
				cells[i] = fmt.Sprint(v)
			default:
				cells[i] = Cell(fmt.Sprint(v))
			}
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// JSON returns a JSON document that says the same, in which what a terminal would act on is escaped. The document is valid UTF-8, as
// encoding/json writes it, and holds line breaks and tabs between its values at most.
func JSON(document []byte) []byte {
	s := string(document)
	if clean(s, "\n\t") {
		return document
	}
	var b bytes.Buffer
	for i, r := range s {
		switch {
		case r == utf8.RuneError:
			b.WriteString(s[i : i+len(string(utf8.RuneError))])
		case visible(r), r == '\n', r == '\t':
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// JSONWriter writes documents to w as JSON does. Each Write must be of whole runes.
func JSONWriter(w io.Writer) io.Writer { return safeJSON{w} }

type safeJSON struct{ to io.Writer }

// Write implements io.Writer.
func (w safeJSON) Write(document []byte) (int, error) {
	if _, err := w.to.Write(JSON(document)); err != nil {
		return 0, err
	}
	return len(document), nil
}

// Strings makes every text in what v points to, of the exported fields of structs, of slices, maps and pointers, a [Line].
func Strings(v any) { walk(reflect.ValueOf(v)) }

func walk(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // the others hold no text
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walk(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			walk(value)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(Line(v.String()))
		}
	}
}

// plain are the characters that a shell leaves alone.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/@%+,"

// Word returns s as one argument for a POSIX shell, or the placeholder if nobody could type or paste it safely: with a rune that is
// not visible, longer than a column of duly's, empty, or one that a command would take for a flag.
func Word(s, placeholder string) string {
	if s == "" || strings.HasPrefix(s, "-") || !clean(s, "") || utf8.RuneCountInString(s) > CellLength {
		return placeholder
	}
	switch {
	case !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(plain, r) }):
		return s
	case !strings.ContainsAny(s, "\"$`\\!"):
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
