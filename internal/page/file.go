package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"duly/internal/exit"
	"duly/internal/report"
	"duly/internal/session"
	"duly/internal/wholefile"
)

const (
	// Stdout stands for standard output in place of a file.
	Stdout = "-"
)

// View is the document of `duly report`.
type View struct {
	Run  uint64 `json:"run_id"`
	File string `json:"file"`
}

// ReportRun writes the page of a run to a file.
func ReportRun(ctx context.Context, ses *session.Session, db *session.Database, run uint64, file string) error {
	c, err := ses.Load()
	if err != nil {
		return err
	}
	p, err := Of(ctx, ses, db, c.Business.Location(), run)
	if err != nil {
		return err
	}
	if file == Stdout {
		return exit.Failed(report.Write(ses.Screen.Out, p))
	}
	if err := Write(file, p); err != nil {
		return exit.Failed(err)
	}
	if ses.Screen.JSON {
		return ses.Screen.Print(View{run, file})
	}
	ses.Screen.Line("report: %s", file)
	return nil
}

// FileMistake says why a file cannot be written, as far as that shows before the run; nil if it can.
func FileMistake(flag, file string) error {
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

// Write writes the whole page or leaves the file as it was. A reader sees the old page until the new one is complete.
func Write(file string, p report.Page) error {
	var b bytes.Buffer
	if err := report.Write(&b, p); err != nil {
		return err
	}
	return wholefile.Write(file, b.Bytes())
}
