package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/exit"
	"duly/internal/store"
	"duly/internal/suspicion"
)

// saver saves answers on this host; nil: there is no place for them.
func saver(c *config.Config) func(lines [][]byte) (string, error) {
	file := suspicion.AnswersOf(c)
	if file == nil {
		return nil
	}
	return func(lines [][]byte) (string, error) { return file.Path(), file.Add(lines) }
}

// restoreAnswers adds the answers that earlier runs on this host could not write to the tables, before anything else is done.
func (e *Execution) restoreAnswers(ctx context.Context) error {
	file := suspicion.AnswersOf(e.Config)
	if file == nil || !file.Pending() {
		return nil
	}
	restored := 0
	aside, err := file.Drain(func(lines [][]byte) ([][]byte, error) {
		var list []store.SavedAnswer
		var unusable [][]byte
		for _, line := range lines {
			var answer store.SavedAnswer
			if err := json.Unmarshal(line, &answer); err != nil || answer.Key == "" {
				unusable = append(unusable, line)
				continue
			}
			list = append(list, answer)
		}
		restored = len(list)
		return unusable, store.RestoreAnswers(ctx, e.Database.DB, list)
	})
	if err != nil {
		return exit.Failed(fmt.Errorf("answers of gateways that are saved in %s could not be added to the database: %w", file.Path(), err))
	}
	if aside != "" {
		e.logs.WarnContext(ctx, "saved answers of gateways cannot be read; the gateways are asked instead", slog.String("file", aside))
	}
	e.Screen.Say(e.Screen.People(), fmt.Sprintf("%d saved answers of gateways were added to the database, from %s", restored, file.Path()))
	return nil
}

// stayUp makes a run end unfinished while answers wait on this host: exit codes 0 and 3 let a VM be powered off.
func (e *Execution) stayUp(result *batch.Result) {
	file := suspicion.AnswersOf(e.Config)
	if file == nil || !file.Pending() || result.Exit != batch.ExitDone && result.Exit != batch.ExitReview {
		return
	}
	result.Exit = batch.ExitUnfinished
	result.Left = append(result.Left, fmt.Sprintf("answers of gateways wait in %s; run again on this host", file.Path()))
}
