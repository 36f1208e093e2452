package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// command is what docs/commands.md says of one command.
type command struct {
	name  string // "duly list review"
	about string // a line
	help  string // what --help prints
}

// title is the name of the manual page.
func (c command) title() string { return strings.ReplaceAll(c.name, " ", "-") }

var (
	commandHelp = regexp.MustCompile("(?ms)^## (duly[a-z -]*)\n\n```text\n(.*?)\n```$")
	heading     = regexp.MustCompile(`^([A-Z][a-z ]*):$`)
	listed      = regexp.MustCompile(`^  ([a-z-]+)  +(.*)$`)
)

// commands reads the page of commands, which a test holds to what the program prints.
func commands(page string) []command {
	about := map[string]string{"duly": "charge due subscriptions, retry declines, and prove that the books balance", "duly help": "show the help of a command"}
	var all []command
	for _, match := range commandHelp.FindAllStringSubmatch(page, -1) {
		all = append(all, command{name: match[1], help: match[2]})
		last := ""
		for line := range strings.Lines(section(match[2], "Commands")) {
			if found := listed.FindStringSubmatch(strings.TrimRight(line, "\n")); found != nil {
				last = match[1] + " " + found[1]
				about[last] = found[2]
			} else if last != "" && strings.TrimSpace(line) != "" {
				about[last] += " " + strings.TrimSpace(line)
			}
		}
	}
	for i := range all {
		all[i].about = about[all[i].name]
	}
	return all
}

// section is the text below a heading of a help text; "" is what stands before the first heading.
func section(help, title string) string {
	var out []string
	in := ""
	for line := range strings.SplitSeq(help, "\n") {
		if found := heading.FindStringSubmatch(line); found != nil {
			if headings[found[1]] {
				in = found[1]
				continue
			}
		}
		if in == title {
			out = append(out, line)
		}
	}
	return strings.Trim(strings.Join(out, "\n"), "\n")
}

// headings are those that help prints. Other lines that end with a colon are text.
var headings = map[string]bool{"Usage": true, "Examples": true, "Commands": true, "Flags": true} //nolint:gochecknoglobals // a constant table

// writeManual writes a manual page of each command into a folder.
func writeManual(path, folder, version, date string) error {
	page, err := os.ReadFile(path) //nolint:gosec // named on the command line
	if err != nil {
		return err
	}
	all := commands(string(page))
	if len(all) == 0 {
		return fmt.Errorf("%s names no command", path)
	}
	for _, c := range all {
		if c.about == "" {
			return fmt.Errorf("%s: nothing says in a line what %s does", path, c.name)
		}
		text := c.manual(related(c, all), version, date)
		if err := os.WriteFile(filepath.Join(folder, c.title()+".1"), []byte(text), 0o644); err != nil { //nolint:gosec // everybody reads it
			return err
		}
	}
	return nil
}

// related are the commands above and right below c.
func related(c command, all []command) []string {
	var names []string
	for _, other := range all {
		below, isBelow := strings.CutPrefix(other.name, c.name+" ")
		if isBelow && !strings.Contains(below, " ") || strings.HasPrefix(c.name, other.name+" ") {
			names = append(names, other.title())
		}
	}
	return names
}

// manual is the page in roff, as man(7) has it.
func (c command) manual(related []string, version, date string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %q 1 %q \"duly %s\" \"duly\"\n.nh\n.ad l\n", strings.ToUpper(c.title()), date, version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(c.title()), roff(c.about))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", verbatim(dedent(section(c.help, "Usage"))))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", prose(section(c.help, "")))
	for _, part := range []string{"Commands", "Flags", "Examples"} {
		if text := section(c.help, part); text != "" {
			fmt.Fprintf(&b, ".SH %s\n%s\n", strings.ToUpper(part), verbatim(dedent(text)))
		}
	}
	if len(related) > 0 {
		b.WriteString(".SH SEE ALSO\n")
		for i, name := range related {
			end := ","
			if i == len(related)-1 {
				end = ""
			}
			fmt.Fprintf(&b, ".BR %s (1)%s\n", roff(name), end)
		}
	}
	return b.String()
}

// prose fills paragraphs, and leaves lines that are indented as they are.
func prose(text string) string {
	var parts []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(paragraph, " ") {
			parts = append(parts, verbatim(paragraph))
		} else {
			parts = append(parts, roff(paragraph))
		}
	}
	return strings.Join(parts, "\n.PP\n")
}

// verbatim keeps lines and columns.
func verbatim(text string) string { return ".nf\n" + roff(text) + "\n.fi" }

// dedent takes the white space off that all lines begin with.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	least := -1
	for _, line := range lines {
		if indent := len(line) - len(strings.TrimLeft(line, " ")); line != "" && (least < 0 || indent < least) {
			least = indent
		}
	}
	for i, line := range lines {
		lines[i] = line[min(max(least, 0), len(line)):]
	}
	return strings.Join(lines, "\n")
}

// roff writes text so that every character is itself; a dash can be copied as a minus.
func roff(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r > unicode.MaxASCII:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
