package checkup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/suspicion"
	"duly/internal/text"
	"duly/migrations"
)

// Check is one check of `duly doctor`.
type Check struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`         // what was found
	Mend   string `json:"mend,omitempty"` // how to fix it

	told bool // people read it also where nothing is wrong
}

// Checkup gathers checks.
type Checkup struct {
	*session.Session

	found []Check
}

// note records a check; mend says how to fix an error that does not say so itself.
func (d *Checkup) note(check string, err error, detail, mend string) bool {
	v := Check{Check: check, OK: err == nil, Detail: detail}
	if err != nil {
		v.Detail, v.Mend = err.Error(), mend
		if p, ok := errors.AsType[*mysql.Problem](err); ok {
			v.Detail, v.Mend = p.What, p.Mend
		}
		if u, ok := errors.AsType[*session.UnreachableError](err); ok {
			v.Detail = u.Found()
		}
	}
	d.found = append(d.found, v)
	return err == nil
}

// Tries says what doctor sends to try it.
type Tries struct{ Slack, Webhook bool }

// All makes every check, and tries the receivers that are named.
func (d *Checkup) All(ctx context.Context, tries Tries) {
	c, err := d.Load()
	if err != nil {
		d.configuration(err)
		return
	}
	logs, err := d.Logger(c)
	if err == nil {
		logs.Close()
	}
	d.configuration(errors.Join(c.Require(true, true), err))
	if c.Database.DSN != "" {
		d.database(ctx, c)
	}
	if len(c.Gateways) > 0 {
		d.gateways(ctx, c)
	}
	d.lock(c)
	d.slackOf(ctx, c, tries.Slack)
	d.webhookOf(ctx, c, tries.Webhook)
	d.secretFiles()
}

// configuration records each mistake of err, which has one a line, as a check of its own.
func (d *Checkup) configuration(err error) {
	const check = "configuration"
	if err == nil {
		d.note(check, nil, "valid", "")
		return
	}
	for _, line := range text.Lines(err) {
		d.note(check, errors.New(line), "", "correct the key; duly.example.yaml explains every one")
	}
}

// secretFiles names the files with secrets that every user of this host can read. That is no mistake by itself: in a container
// there may be no other user.
func (d *Checkup) secretFiles() {
	const (
		check           = "secrets"
		readable, wrote = 0o004, 0o022 // by every user; by a group, or by every user
	)
	keys, modes, files := map[string][]string{}, map[string]fs.FileMode{}, config.SecretFiles(d.Sources())
	for key, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&(readable|wrote) != 0 {
			keys[file], modes[file] = append(keys[file], key), info.Mode().Perm()
		}
	}
	for _, file := range slices.Sorted(maps.Keys(keys)) {
		slices.Sort(keys[file])
		can, mend := "every user of this host can read", "chmod o-r "
		if modes[file]&wrote != 0 {
			can, mend = "other users of this host can change", "chmod 600 "
		}
		d.found = append(d.found, Check{
			Check: check, OK: true, Detail: fmt.Sprintf("%s %s: %s", can, strings.Join(keys[file], ", "), file), Mend: mend + text.Word(file, "FILE"),
		})
	}
	if len(keys) == 0 && len(files) > 0 {
		d.note(check, nil, "no file with a secret can be read by every user of this host, or changed by others", "")
	}
}

func (d *Checkup) database(ctx context.Context, c *config.Config) {
	db, err := d.Open(ctx, c)
	if err != nil {
		d.note("database", err, "", "check that the server runs and that database.dsn names it, its user and its schema")
		return
	}
	defer db.Close()
	version, err := mysql.Version(ctx, db.DB)
	d.note("database", err, fmt.Sprintf("%s/%s, %s", db.Address, db.Schema, version), "check that the server runs")
	there, err := mysql.ReadClock(ctx, db.DB, d.Now)
	if err == nil {
		err = session.CheckClock(there)
	}
	d.note("clock", err, fmt.Sprintf("%s off", there.Offset.Abs().Round(1e6)), "synchronise this host and the database's (NTP)")
	d.note("isolation", mysql.CheckIsolation(ctx, db.DB), "READ COMMITTED", "")
	d.note("sessions", mysql.CheckSessions(ctx, db.DB), "they keep their settings", "")
	d.note("packet size", mysql.CheckPacket(ctx, db.DB, c.Billing.ChunkSize), fmt.Sprintf("a chunk of %d rows fits", c.Billing.ChunkSize), "")
	if !d.note("migrations", migrations.Check(ctx, db.DB.DB.DB), "the schema is of this program's version", "duly migrate up, or use the duly that made the schema") {
		return // the checks below need the tables
	}
	role, err := mysql.RoleOf(ctx, db.DB)
	if err != nil {
		d.note("privileges", err, "", "")
		return
	}
	wrong := d.shopTables(ctx, db, role)
	err = mysql.CheckPrivileges(ctx, db.DB, role, "database.dsn", wrong...)
	d.note("privileges", err, "as needed by "+role.String(), "")
	if err == nil {
		err = d.operator(ctx, c, db)
	}
	if err != nil || role == mysql.RoleOperator || role == mysql.RoleActing {
		return // and these, the rights of a worker
	}
	written := slices.DeleteFunc(mysql.WrittenTables(), func(table string) bool { return slices.Contains(wrong, table) })
	d.note("writes", mysql.CheckWritable(ctx, db.DB, written...), "what duly writes can be written", "")
	if len(wrong) > 0 {
		return // the checks below read the shop's tables
	}
	zone := d.zone(c)
	if d.note("shop columns", mysql.CheckLocalTime(ctx, db.DB), "instants in UTC, as far as the newest rows tell", "") {
		zone += "; the shop writes UTC, as far as its newest rows tell"
	}
	d.note("time zone", nil, zone, "")
	d.found[len(d.found)-1].told = true
	d.plannedChanges(ctx, db)
	d.note("engine", mysql.CheckEngine(ctx, db.DB), "InnoDB", "")
	d.history(ctx, c, db)
	if file := suspicion.AnswersOf(c); file != nil && file.Pending() {
		d.note("saved answers", errors.New("answers of gateways wait in "+file.Path()), "", "run `duly run billing` on this host")
	}
	d.note("skip locked", mysql.Probe(ctx, db.DB), "two workers are given different rows", "use MySQL 8+ or MariaDB 10.6+ itself, not one that only speaks its language")
}

// operator checks that database.operator_dsn names the same database, by a user who may do what operators do.
func (d *Checkup) operator(ctx context.Context, c *config.Config, worker *session.Database) error {
	if c.Database.OperatorDSN == "" {
		return nil
	}
	const check, key = "operator", session.OperatorDSN
	acting := *c
	acting.Database = c.Database.Operator()
	db, err := d.OpenAs(ctx, &acting, session.OperatorLogin(c.Database))
	if err != nil {
		d.note(check, err, "", "check that "+key+" names the server, its user and its schema")
		return err
	}
	defer db.Close()
	here, err := mysql.Identity(ctx, db.DB)
	there, errThere := mysql.Identity(ctx, worker.DB)
	if err = errors.Join(err, errThere); err == nil && here.Name != there.Name {
		err = &mysql.Problem{What: key + " leads to another database server than database.dsn", Mend: "name the same server in both"}
	}
	if err != nil {
		d.note(check, err, "", "check "+key)
		return err
	}
	err = mysql.CheckPrivileges(ctx, db.DB, mysql.RoleActing, key)
	d.note(check, err, "as needed by "+mysql.RoleActing.String(), "")
	return err
}

func (d *Checkup) gateways(ctx context.Context, c *config.Config) {
	gateways, err := d.Session.Gateways(c, nil)
	if err != nil {
		d.note("gateways", err, "", "correct the keys under gateways")
		return
	}
	defer session.CloseAll(gateways)
	db := d.whole(ctx, c)
	if db != nil {
		defer db.Close()
	}
	for _, name := range slices.Sorted(maps.Keys(gateways)) {
		detail, err := d.answers(ctx, name, c.Gateways[name].URL, gateways[name])
		unproven := err == nil
		if c.Gateways[name].Type == "kakaopay" {
			detail += "; KakaoPay keeps no keys and finds no charge by one, so each lost answer goes to an operator: its channel at PortOne (type portone) has both"
		}
		if err == nil && db != nil {
			err = store.CheckKeyPrefix(ctx, db.DB, name, c.Gateways[name].KeyPrefix)
			if other, ok := errors.AsType[*store.OtherPrefixError](err); ok {
				d.note("gateway "+name, other, "", "duly run billing refuses to start with it; see docs/configuration.md")
				continue
			}
		}
		if err == nil && db != nil {
			var shown bool
			if shown, err = d.shows(ctx, db, name, gateways[name]); shown {
				detail, unproven = detail+", shows a payment that it took", false
			} else {
				detail += "; account unproven: no payment of ours to look up yet"
			}
			settled, unread := parallelism(ctx, db, name, c.Gateways[name])
			if settled != "" {
				detail += "; " + settled
			}
			err = cmp.Or(err, unread)
		}
		next := "name a payment that it took: duly doctor --control " + name + " PAYMENT_ID"
		if db == nil {
			detail, next = detail+"; account unproven: no database to take a payment of ours from", "fix the database first, then: duly doctor"
		}
		d.note("gateway "+name, err, detail, d.fixOfGateway(name, err))
		if err == nil && unproven {
			d.found[len(d.found)-1].Mend = next
		}
	}
}

// answers checks that a gateway's API answers, and says in which way: an error for a payment that cannot exist proves least, since a
// service may write it for a path that is none, and before it looks at the token. A list proves both.
func (d *Checkup) answers(ctx context.Context, name, url string, g *gateway.Limited) (string, error) {
	if err := g.Ping(ctx); err != nil {
		return "", err
	}
	if !g.Capabilities().List {
		return url + " answers as a payments API does", nil
	}
	now := d.Now()
	if _, err := g.List(ctx, payment.Window{From: now.Add(-time.Minute), To: now}, ""); err != nil {
		if known, ok := errors.AsType[*gateway.ListError](err); ok && known.NoList {
			return "", fmt.Errorf("it answers for a payment that cannot exist, and has no list (%w): is the path right? If it has none, set gateways.%s.list: false", err, name)
		}
		return "", err
	}
	return url + " answers and takes the token", nil
}

// fixOfGateway says how to fix a gateway that does not do.
func (d *Checkup) fixOfGateway(name string, err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, gateway.ErrMisconfigured), strings.Contains(err.Error(), "refuses our"), strings.Contains(err.Error(), "token"):
		key := "gateways." + name + ".token"
		if config.SecretFiles(d.Sources())[key+"_file"] != "" {
			key += "_file"
		}
		if strings.Contains(err.Error(), "CID") {
			key += " or gateways." + name + ".cid"
		}
		return "correct " + key
	case strings.Contains(err.Error(), "duly doctor --moved"):
		return fmt.Sprintf("or correct gateways.%s.url", name)
	}
	return fmt.Sprintf("check gateways.%s.url", name)
}

// whole is the database, if it is as it should be; nil if it is not, which is reported already.
func (d *Checkup) whole(ctx context.Context, c *config.Config) *session.Database {
	if c.Database.DSN == "" || slices.ContainsFunc(d.found, func(v Check) bool { return !v.OK }) {
		return nil
	}
	db, err := d.Open(ctx, c)
	if err != nil {
		return nil
	}
	return db
}

// Report prints the checks; a failed one makes the exit code 2.
func (d *Checkup) Report() error {
	for _, v := range d.found {
		if !v.OK {
			d.Code = batch.ExitUsage
		}
	}
	if d.Screen.JSON {
		return d.Screen.Print(d.found)
	}
	doctorText(d.Screen, d.found)
	return nil
}

// zone says of which time zone business days are, and what its clock shows.
func (d *Checkup) zone(c *config.Config) string {
	there := d.Now().In(c.Business.Location())
	return fmt.Sprintf("business days of %s (UTC%s), where it is %s", c.Business.Timezone, there.Format("-07:00"), there.Format("2006-01-02 15:04"))
}
