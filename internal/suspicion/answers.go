package suspicion

import (
	"duly/config"
	"duly/internal/witness"
)

// AnswersOf is the file of answers that the configured database did not accept, on this host; nil: there is no place for one.
func AnswersOf(c *config.Config) *witness.Answers {
	if c.Run.Witness == "" || c.Run.Witness == config.None {
		return nil
	}
	return witness.AnswersIn(c.Run.Witness, c.Database.Address())
}
