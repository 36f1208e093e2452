package main

import (
	"errors"

	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/page"
	"duly/internal/session"
)

func reportCommand(ses *session.Session) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "report RUN",
		Short: "Write a page about a run",
		Long: "Writes one page of HTML about a run, whether it has ended, is running or has died: the money that it collected and refunded, what is unpaid, what " +
			"needs a person with the commands to type, why charges were declined, and what comes next. The numbers of each step and gateway are in its " +
			"details, which are closed at first. The page opens from disk and loads nothing.\n\n" +
			"`duly run JOB --report FILE` writes the same at the end of a run, and of a night. The figures of business days are those of `duly run report`.",
		Example: "  duly report 17 --html run-17.html\n" +
			"  duly report 17 --html - > run-17.html",
		Args: cobra.ArbitraryArgs, ValidArgsFunction: completeRuns(ses, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			var found []error
			var run uint64
			if len(args) != 1 {
				found = append(found, errors.New("say which run, by its id: duly report 17 --html run-17.html"))
			} else {
				var err error
				run, err = cli.ReadID(args[0])
				found = append(found, err)
			}
			switch {
			case file == "":
				found = append(found, errors.New("say where to write the page: --html run-17.html, or --html - for standard output"))
			case file == page.Stdout && ses.Screen.JSON:
				found = append(found, errors.New("--html: standard output holds the document of --json; give a file"))
			case file != page.Stdout:
				found = append(found, page.FileMistake(cli.FlagHTML, file))
			}
			if err := errors.Join(found...); err != nil {
				return exit.Usage(err)
			}
			return ses.WithSchema(cmd.Context(), func(db *session.Database) error { return page.ReportRun(cmd.Context(), ses, db, run, file) })
		},
	}
	cmd.Flags().StringVar(&file, cli.FlagHTML, "", "write the page to this `FILE`, or to standard output for - (needed)")
	return cmd
}
