package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	beats = 3
	// settleTime is what a run keeps of its lease for writing down the last answer.
	settleTime = 5 * time.Second
)

// complete fills in what follows from other keys.
func (l *loader) complete(c *Config, env []string) {
	if c.Database.DSN == Private && c.Database.PrivateDir == "" {
		c.Database.PrivateDir = userData(env)
	}
	if c.Run.Witness == "" {
		c.Run.Witness = userState(env)
	}
	for name, g := range c.Gateways {
		g.ConnectTimeout = min(g.ConnectTimeout, g.Timeout)
		c.Gateways[name] = g
	}
}

// userData is duly's folder in the user's data folder; empty if env names none.
func userData(env []string) string {
	var base string
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case !filepath.IsAbs(value):
		case name == "XDG_DATA_HOME":
			return filepath.Join(value, "duly", "mariadb")
		case name == "HOME":
			base = filepath.Join(value, ".local", "share", "duly", "mariadb")
		}
	}
	return base
}

// userState is duly's folder for what it keeps of its state; empty if env names none.
func userState(env []string) string {
	found := map[string]string{}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		value, _, _ = strings.Cut(value, ":") // systemd lists several folders so
		if filepath.IsAbs(value) {
			found[name] = value
		}
	}
	switch {
	case found["STATE_DIRECTORY"] != "":
		return found["STATE_DIRECTORY"]
	case found["XDG_STATE_HOME"] != "":
		return filepath.Join(found["XDG_STATE_HOME"], "duly")
	case found["HOME"] != "":
		return filepath.Join(found["HOME"], ".local", "state", "duly")
	}
	return ""
}

// check holds the rules between keys. What could not be read is not checked further.
func (l *loader) check(c *Config) {
	if c.Database.DSN == Private && c.Database.PrivateDir == "" {
		l.rule("database.private_dir", "missing: neither XDG_DATA_HOME nor HOME is set: give an absolute path")
	}
	if other := c.Database.Operator(); other.DSN != c.Database.DSN && c.Database.DSN != "" && other.schema() != c.Database.schema() {
		l.rule("database.operator_dsn", fmt.Sprintf("names the schema %q, and database.dsn %q: both are one database, for two users",
			other.schema(), c.Database.schema()), "database.dsn")
	}
	l.checkRun(c)
	for _, name := range slices.Sorted(maps.Keys(c.Gateways)) {
		l.checkGateway("gateways."+name, c.Gateways[name], c.Run)
	}
	l.checkPolicies(c)
	if c.Reconcile.GiveUpAfter < c.Reconcile.OlderThan {
		l.rule("reconcile.give_up_after", fmt.Sprintf("%s is shorter than reconcile.older_than (%s): give as much or more",
			FormatDuration(c.Reconcile.GiveUpAfter), FormatDuration(c.Reconcile.OlderThan)), "reconcile.older_than")
	}
	if c.Outbox.URL != "" && c.Outbox.Secret == "" {
		l.rule("outbox.secret", "missing: what is sent to outbox.url is signed with it")
	}
	if c.Outbox.PreviousSecret != "" && c.Outbox.PreviousSecret == c.Outbox.Secret {
		l.rule("outbox.previous_secret", "is the same as outbox.secret: give the one before, or none", "outbox.secret")
	}
	l.checkSlack(c.Slack)
}

func (l *loader) checkRun(c *Config) {
	if c.Run.Drain >= c.Run.Lease {
		l.rule("run.drain", fmt.Sprintf("%s is not shorter than run.lease (%s): give less, so that a drained run still owns its rows",
			FormatDuration(c.Run.Drain), FormatDuration(c.Run.Lease)), "run.lease")
	}
	if len(c.Gateways) > 0 {
		return
	}
	if least := beats*c.Run.Heartbeat + settleTime; c.Run.Lease < least {
		l.rule("run.lease", fmt.Sprintf("%s is too short: give %s or more (3 heartbeats of %s + 5s, and a gateway's time-out)",
			FormatDuration(c.Run.Lease), FormatDuration(least), FormatDuration(c.Run.Heartbeat)), "run.heartbeat")
	}
}

func (l *loader) checkGateway(at string, g Gateway, r Run) {
	if g.URL == "" {
		l.rule(at+".url", "missing: say where the service is, e.g. https://payments.example.com", at+".type")
	}
	if g.Token == "" {
		l.rule(at+".token", "missing: give "+g.credential()+", here, in "+variable(at+".token")+" or by "+at+".token"+fileSuffix)
	}
	if why := g.wrongToken(); why != "" {
		l.rule(at+".token", why, at+".type")
	}
	l.checkType(at, g)
	if least := g.Timeout + beats*r.Heartbeat + settleTime; r.Lease < least {
		l.rule("run.lease", fmt.Sprintf("%s is too short for %s: give %s or more (its time-out of %s + 3 heartbeats of %s + 5s)",
			FormatDuration(r.Lease), at, FormatDuration(least), FormatDuration(g.Timeout), FormatDuration(r.Heartbeat)),
			"run.heartbeat", at+".timeout")
	}
	if g.LongestRequest < g.Timeout {
		l.rule(at+".longest_request", fmt.Sprintf("%s is shorter than the time-out (%s): give as much or more",
			FormatDuration(g.LongestRequest), FormatDuration(g.Timeout)), at+".timeout")
	}
	if g.KeyLife != 0 && g.KeyLife <= g.LongestRequest {
		l.rule(at+".key_life", fmt.Sprintf("%s is not longer than longest_request (%s): give more, or 0 for a service that keeps no keys",
			FormatDuration(g.KeyLife), FormatDuration(g.LongestRequest)), at+".longest_request")
	}
	if g.Circuit.Minimum > g.Circuit.Window {
		l.rule(at+".circuit.minimum", fmt.Sprintf("%d is more than the window (%d), so that the circuit could never open: give as much or less",
			g.Circuit.Minimum, g.Circuit.Window), at+".circuit.window")
	}
}

func (l *loader) checkSlack(s Slack) {
	switch {
	case s.WebhookURL != "" && s.Token != "":
		l.rule("slack.webhook_url", "given beside slack.token: keep one of the two")
	case s.Token != "" && s.Channel == "":
		l.rule("slack.channel", "missing: say which channel the bot of slack.token writes to")
	case s.Channel != "" && s.Token == "":
		l.rule("slack.token", "missing: slack.channel needs a bot's token; a webhook has its own channel", "slack.webhook_url")
	}
}

// rule notes a broken rule about key and the others it rests on, unless one of them could not be read.
func (l *loader) rule(key, text string, others ...string) {
	for _, k := range append(others, key) {
		if l.bad[k] {
			return
		}
	}
	l.problem(key, text)
}
