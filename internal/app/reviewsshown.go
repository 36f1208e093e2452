package app

import (
	"time"
)

// causesWithin bounds how long the tables are asked for them.
const causesWithin = 3 * time.Second
