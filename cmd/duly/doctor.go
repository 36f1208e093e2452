package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/store"
	"duly/internal/text"
	"duly/migrations"
)

// checkView is one check of `duly doctor`.
type checkView struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`         // what was found
	Mend   string `json:"mend,omitempty"` // how to put it right
}

// checkup gathers checks.
type checkup struct {
	*Session

	found []checkView
}

func doctorCommand(ses *Session) *cobra.Command {
	var confirmed, undo bool
	var send tries
	var reason, control, moved string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, database and gateways, and say how to fix what is wrong",
		Long: "Checks the configuration, the database (reachable, migrations, privileges, isolation, real SKIP LOCKED, clock,\n" +
			"max_allowed_packet, shop columns in local time), every gateway (address, token, and whether it shows a payment that it took),\n" +
			"whether the database may have been restored, whether outbox.url can be reached (--webhook sends a test event), what Slack's\n" +
			"keys look like (--slack sends a test message), and which files with secrets every user of the host can read. What a login may\n" +
			"do is judged by its role (deploy/sql/grants.sql), and that of database.operator_dsn as an operator's who acts. It moves\n" +
			"no money and changes no row but the marks in claim_probe. Exit code 2 if a check fails.\n\n" +
			"--control NAME PAYMENT_ID checks nothing: it records a payment that gateway NAME took, looked up by its id, so that what the\n" +
			"gateway says it does not know is checked by it. --moved NAME OLD_URL joins the address that the gateway was called at before\n" +
			"to today's, if today's shows the newest payments that were taken there; with --undo it takes that back.\n\n" +
			"--history-confirmed checks nothing: it records that you know the tables to be whole, so that gateways that can neither be\n" +
			"asked nor listed are charged again. Exit code 4 while requests from before the loss may still arrive, with the time.",
		Example: "  duly doctor\n  duly doctor --control main pay_123\n  duly doctor --moved main https://old.example.com\n  duly doctor --json\n  duly doctor --slack --webhook\n  duly doctor --history-confirmed --reason \"compared with the provider's export\"",
		Args: func(cmd *cobra.Command, args []string) error {
			switch named := control != "" || moved != ""; {
			case control != "" && moved != "", named && confirmed:
				return usagef("--control, --moved and --history-confirmed are three commands: give one of them")
			case undo && moved == "":
				return usagef("--undo: it takes back --moved: duly doctor --moved main https://old.example.com --undo --reason \"…\"")
			case undo && !said(reason):
				return usagef("--%s: say why --moved is taken back, for those who ask later", flagReason)
			case control != "" && len(args) != 1:
				return usagef("--control: give the gateway's name and the gateway's own id of a payment: duly doctor --control main pay_123")
			case moved != "" && len(args) != 1:
				return usagef("--moved: give the gateway's name and the URL that it had: duly doctor --moved main https://old.example.com")
			case !named:
				return noArguments(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case control != "":
				return addControl(cmd.Context(), ses, control, args[0], reason)
			case undo:
				return partAddresses(cmd.Context(), ses, moved, args[0], reason)
			case moved != "":
				return joinAddress(cmd.Context(), ses, moved, args[0], reason)
			}
			switch given := said(reason); {
			case confirmed && !given:
				return usagef("--%s: say why, for those who ask later", flagReason)
			case given && !confirmed:
				return usagef("--%s: it says why --history-confirmed is given", flagReason)
			case confirmed:
				return trustHistory(cmd.Context(), ses, reason)
			}
			d := &checkup{Session: ses}
			d.all(cmd.Context(), send)
			return d.report()
		},
	}
	verboseFlag(ses.Screen, cmd, "every check, not only those that need something")
	cmd.Flags().BoolVar(&send.slack, "slack", false, "send a test message to Slack")
	cmd.Flags().BoolVar(&send.webhook, "webhook", false, "send a test event, of the type duly.test, to outbox.url")
	cmd.Flags().BoolVar(&confirmed, "history-confirmed", false, "record that the tables are whole, after a restore or a fail-over")
	cmd.Flags().StringVar(&control, "control", "", "record a payment, by its id, that the gateway `NAME` took (default none)")
	cmd.Flags().StringVar(&moved, "moved", "", "join the URL that the gateway `NAME` had to today's (default none)")
	cmd.Flags().BoolVar(&undo, "undo", false, "with --moved: take back that the URL was joined")
	cmd.Flags().StringVar(&reason, flagReason, "", "with --history-confirmed, --control or --moved: why, a `TEXT` for those who ask later (default none)")
	return cmd
}

// note records a check; mend says how to put an error right that does not say so itself.
func (d *checkup) note(check string, err error, detail, mend string) bool {
	v := checkView{Check: check, OK: err == nil, Detail: detail}
	if err != nil {
		v.Detail, v.Mend = err.Error(), mend
		if p, ok := errors.AsType[*mysql.Problem](err); ok {
			v.Detail, v.Mend = p.What, p.Mend
		}
		if u, ok := errors.AsType[*unreachableError](err); ok {
			v.Detail = u.found()
		}
	}
	d.found = append(d.found, v)
	return err == nil
}

// tries says what doctor sends to try it.
type tries struct{ slack, webhook bool }

func (d *checkup) all(ctx context.Context, tries tries) {
	c, err := d.load()
	if err != nil {
		for _, line := range text.Lines(err) {
			d.note("configuration", errors.New(line), "", "correct the key; duly.example.yaml explains every one")
		}
		return
	}
	logs, err := d.logger(c)
	if err == nil {
		logs.close()
	}
	d.note("configuration", errors.Join(c.Require(true, true), err), "valid", "correct the key; duly.example.yaml explains every one")
	if c.Database.DSN != "" {
		d.database(ctx, c)
	}
	if len(c.Gateways) > 0 {
		d.gateways(ctx, c)
	}
	d.slackOf(ctx, c, tries.slack)
	d.webhookOf(ctx, c, tries.webhook)
	d.secretFiles()
}

// secretFiles names the files with secrets that every user of this host can read. That is no mistake by itself: in a container
// there may be no other user.
func (d *checkup) secretFiles() {
	const (
		check           = "secrets"
		readable, wrote = 0o004, 0o022 // by every user; by a group, or by every user
	)
	keys, modes, files := map[string][]string{}, map[string]fs.FileMode{}, config.SecretFiles(d.sources())
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
		d.found = append(d.found, checkView{
			Check: check, OK: true, Detail: fmt.Sprintf("%s %s: %s", can, strings.Join(keys[file], ", "), file), Mend: mend + text.Word(file, "FILE"),
		})
	}
	if len(keys) == 0 && len(files) > 0 {
		d.note(check, nil, "no file with a secret can be read by every user of this host, or changed by others", "")
	}
}

func (d *checkup) database(ctx context.Context, c *config.Config) {
	db, err := d.open(ctx, c)
	if err != nil {
		d.note("database", err, "", "check that the server runs and that database.dsn names it, its user and its schema")
		return
	}
	defer db.close()
	version, err := mysql.Version(ctx, db.DB)
	d.note("database", err, fmt.Sprintf("%s/%s, %s", db.Host, db.Schema, version), "check that the server runs")
	there, err := mysql.ReadClock(ctx, db.DB, d.now)
	if err == nil {
		err = checkClock(there)
	}
	d.note("clock", err, fmt.Sprintf("%s off", there.Offset.Abs().Round(1e6)), "synchronise this host and the database's (NTP)")
	d.note("isolation", mysql.CheckIsolation(ctx, db.DB), "READ COMMITTED", "")
	d.note("sessions", mysql.CheckSessions(ctx, db.DB), "they keep their settings", "")
	d.note("packet size", mysql.CheckPacket(ctx, db.DB, c.Billing.ChunkSize), fmt.Sprintf("a chunk of %d rows fits", c.Billing.ChunkSize), "")
	if !d.note("migrations", migrations.Check(ctx, db.DB.DB.DB), "the schema is of this program's version", "duly migrate up, or use the duly that made the schema") {
		return // the checks below need the tables
	}
	role, err := d.rights(ctx, "privileges", db, "database.dsn")
	if err == nil {
		err = d.operator(ctx, c, db)
	}
	if err != nil || role == mysql.RoleOperator || role == mysql.RoleActing {
		return // and these, the rights of a worker
	}
	d.note("writes", mysql.CheckWritable(ctx, db.DB, mysql.WrittenTables()...), "what duly writes can be written", "")
	d.note("shop columns", mysql.CheckLocalTime(ctx, db.DB), "instants in UTC, as far as the newest rows tell", "")
	d.note("engine", mysql.CheckEngine(ctx, db.DB), "InnoDB", "")
	d.history(ctx, c, db)
	if file := answersOf(c); file != nil && file.Pending() {
		d.note("saved answers", errors.New("answers of gateways wait in "+file.Path()), "", "run `duly run billing` on this host")
	}
	d.note("skip locked", mysql.Probe(ctx, db.DB), "two workers are given different rows", "use MySQL 8+ or MariaDB 10.6+ itself, not one that only speaks its language")
}

// rights checks that a user has the rights of its role.
func (d *checkup) rights(ctx context.Context, check string, db *database, key string) (mysql.Role, error) {
	role, err := mysql.RoleOf(ctx, db.DB)
	if err == nil {
		err = mysql.CheckPrivileges(ctx, db.DB, role, key)
	}
	d.note(check, err, "as needed by "+role.String(), "")
	return role, err
}

// operator checks that database.operator_dsn names the same database, by a user who may do what operators do.
func (d *checkup) operator(ctx context.Context, c *config.Config, worker *database) error {
	if c.Database.OperatorDSN == "" {
		return nil
	}
	const check, key = "operator", operatorDSN
	acting := *c
	acting.Database = c.Database.Operator()
	db, err := d.openAs(ctx, &acting, operatorLogin(c.Database))
	if err != nil {
		d.note(check, err, "", "check that "+key+" names the server, its user and its schema")
		return err
	}
	defer db.close()
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

func (d *checkup) gateways(ctx context.Context, c *config.Config) {
	gateways, err := d.Session.gateways(c, nil)
	if err != nil {
		d.note("gateways", err, "", "correct the keys under gateways")
		return
	}
	defer closeAll(gateways)
	db := d.whole(ctx, c)
	if db != nil {
		defer db.close()
	}
	for _, name := range slices.Sorted(maps.Keys(gateways)) {
		err := gateways[name].Ping(ctx)
		detail := c.Gateways[name].URL + " answers and takes the token"
		if err == nil && db != nil {
			err = store.CheckKeyPrefix(ctx, db.DB, name, c.Gateways[name].KeyPrefix)
			if other, ok := errors.AsType[*store.OtherPrefixError](err); ok {
				d.note("gateway "+name, other, "", "duly run billing refuses to start with it; see docs/configuration.md")
				continue
			}
		}
		if err == nil && db != nil {
			var shows string
			if shows, err = d.shows(ctx, db, name, gateways[name]); shows != "" {
				detail += ", " + shows
			}
		}
		d.note("gateway "+name, err, detail, fixOfGateway(name, err))
	}
}

// fixOfGateway says how to fix a gateway that does not do.
func fixOfGateway(name string, err error) string {
	switch {
	case err == nil:
		return ""
	case strings.Contains(err.Error(), "token"):
		return fmt.Sprintf("correct gateways.%s.token", name)
	case strings.Contains(err.Error(), "duly doctor --moved"):
		return fmt.Sprintf("or correct gateways.%s.url", name)
	}
	return fmt.Sprintf("check gateways.%s.url", name)
}

// whole is the database, if it is as it should be; nil if it is not, which is reported already.
func (d *checkup) whole(ctx context.Context, c *config.Config) *database {
	if c.Database.DSN == "" || slices.ContainsFunc(d.found, func(v checkView) bool { return !v.OK }) {
		return nil
	}
	db, err := d.open(ctx, c)
	if err != nil {
		return nil
	}
	return db
}

// report prints the checks; a failed one makes the exit code 2.
func (d *checkup) report() error {
	for _, v := range d.found {
		if !v.OK {
			d.code = batch.ExitUsage
		}
	}
	if d.Screen.json {
		return d.Screen.print(d.found)
	}
	doctorText(d.Screen, d.found)
	return nil
}
