package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/term"
	"gopkg.in/natefinch/lumberjack.v2"

	"duly/config"
	"duly/internal/text"
)

// How a log file is rotated.
const (
	logMegabytes = 12
	logDays      = 30
)

// terminal reports whether people read w as it is written.
func terminal(w io.Writer) bool {
	f, ok := behind(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// size is how many columns and lines the terminal behind w has; an ordinary one if it does not say.
func size(w io.Writer) (width, height int) {
	if f, ok := behind(w).(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

// logs is where a run's log lines go.
type logs struct {
	*slog.Logger

	screen *screen
	file   io.Closer
	errors errorLines
	run    atomic.Uint64 // that the lines are of; 0: none yet
}

func (l *logs) close() {
	if l.file != nil {
		_ = l.file.Close() // the lines were written one by one; there is nobody left to tell
	}
}

// logger writes to standard error (text on a terminal, else JSON, unless log.format says otherwise) and, if
// log.file is set, to that file too.
func (a *app) logger(c *config.Config) (*logs, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	l := &logs{screen: &screen{to: a.err}}
	format := c.Log.Format
	if format == "auto" && a.terminal(a.err) {
		format = "text"
	}
	handlers := []slog.Handler{handler(l.screen, format, level)}
	if c.Log.File != "" {
		if err := writable(c.Log.File); err != nil {
			return nil, fmt.Errorf("log.file: %w: name a file that this user can write", err)
		}
		var file io.Writer
		file, l.file = a.logFile(c.Log.File)
		handlers = append(handlers, handler(file, c.Log.Format, level))
	}
	lines := identified{next: slog.NewMultiHandler(handlers...), run: &l.run}
	l.Logger = slog.New(a.redactor(c).Handler(l.errors.count(lines)))
	return l, nil
}

func handler(w io.Writer, format string, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if format == "text" {
		return slog.NewTextHandler(w, options) // which quotes what is not printable
	}
	return slog.NewJSONHandler(text.JSONWriter(w), options)
}

// logFile opens a log file, and says who closes it: nil for one that is shared.
func (a *app) logFile(path string) (io.Writer, io.Closer) {
	if a.files != nil {
		return a.files.open(path), nil
	}
	file := rotated(path)
	return file, file
}

func rotated(path string) *lumberjack.Logger {
	return &lumberjack.Logger{Filename: path, MaxSize: logMegabytes, MaxAge: logDays, Compress: true}
}

// logFiles shares each log file among all that write to it in one process: two that rotate one file lose lines.
// It is safe for concurrent use.
type logFiles struct {
	mu     sync.Mutex
	byPath map[string]*lumberjack.Logger
}

func (f *logFiles) open(path string) io.Writer {
	f.mu.Lock()
	defer f.mu.Unlock()
	file := f.byPath[path]
	if file == nil {
		file = rotated(path)
		if f.byPath == nil {
			f.byPath = map[string]*lumberjack.Logger{}
		}
		f.byPath[path] = file
	}
	return file
}

func (f *logFiles) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, file := range f.byPath {
		_ = file.Close() // the lines were written one by one; there is nobody left to tell
	}
}

func writable(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return f.Close()
}

// screen is standard error, where progress lines may be drawn at the moment: then log lines go above them. It is
// safe for concurrent use.
type screen struct {
	mu    sync.Mutex
	to    io.Writer
	above func(line string)
}

// Write implements io.Writer.
func (s *screen) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.above == nil {
		return s.to.Write(line)
	}
	s.above(string(line))
	return len(line), nil
}

func (s *screen) put(above func(line string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.above = above
}

// problem is an error as a log attribute.
func problem(err error) slog.Attr { return slog.Any("error", err) }
