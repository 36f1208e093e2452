package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"duly/internal/report"
	"duly/internal/wholefile"
)

const (
	flagHTML   = "html"
	flagReport = "report"
	// stdout stands for standard output in place of a file.
	stdout = "-"
)

// pageView is the document of `duly report`.
type pageView struct {
	Run  uint64 `json:"run_id"`
	File string `json:"file"`
}

func reportCommand(ses *Session) *cobra.Command {
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
				run, err = idOf(args[0])
				found = append(found, err)
			}
			switch {
			case file == "":
				found = append(found, errors.New("say where to write the page: --html run-17.html, or --html - for standard output"))
			case file == stdout && ses.Screen.json:
				found = append(found, errors.New("--html: standard output holds the document of --json; give a file"))
			case file != stdout:
				found = append(found, fileMistake(flagHTML, file))
			}
			if err := errors.Join(found...); err != nil {
				return usage(err)
			}
			return ses.withSchema(cmd.Context(), func(db *database) error { return reportRun(cmd.Context(), ses, db, run, file) })
		},
	}
	cmd.Flags().StringVar(&file, flagHTML, "", "write the page to this `FILE`, or to standard output for - (needed)")
	return cmd
}

func reportRun(ctx context.Context, ses *Session, db *database, run uint64, file string) error {
	c, err := ses.load()
	if err != nil {
		return err
	}
	p, err := writePageOf(ctx, ses, db, c.Business.Location(), run)
	if err != nil {
		return err
	}
	if file == stdout {
		return failed(report.Write(ses.Screen.out, p))
	}
	if err := writePage(file, p); err != nil {
		return failed(err)
	}
	if ses.Screen.json {
		return ses.Screen.print(pageView{run, file})
	}
	ses.Screen.line("report: %s", file)
	return nil
}

// fileMistake says why a file cannot be written, as far as that shows before the run; nil if it can.
func fileMistake(flag, file string) error {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("--%s: %s is a folder: give a file", flag, file)
	}
	folder := filepath.Dir(file)
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.IsDir():
		return fmt.Errorf("--%s: there is no folder %s", flag, folder)
	case err != nil:
		return fmt.Errorf("--%s: %w", flag, err)
	}
	if err := wholefile.Check(file); err != nil {
		return fmt.Errorf("--%s: %w: give a file that this user can write", flag, err)
	}
	return nil
}

// writePage writes the whole page or leaves the file as it was. A reader sees the old page until the new one is complete.
func writePage(file string, p report.Page) error {
	var b bytes.Buffer
	if err := report.Write(&b, p); err != nil {
		return err
	}
	return wholefile.Write(file, b.Bytes())
}
