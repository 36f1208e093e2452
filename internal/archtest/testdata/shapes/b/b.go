package b

import "sync"

type Far struct{ Near }

type Near struct{ sync.Mutex }
