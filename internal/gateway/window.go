package gateway

// window counts failures among the latest results.
type window struct {
	failed   []bool // a ring once it is full
	next     int
	failures int
}

// add records a result; size is the length of the window.
func (w *window) add(failed bool, size int) {
	if len(w.failed) < size {
		w.failed = append(w.failed, failed)
	} else {
		if w.failed[w.next] {
			w.failures--
		}
		w.failed[w.next] = failed
		w.next = (w.next + 1) % size
	}
	if failed {
		w.failures++
	}
}

// reached reports whether at least percent of at least minimum results failed.
func (w *window) reached(minimum, percent int) bool {
	n := len(w.failed)
	return n >= max(minimum, 1) && w.failures*100 >= percent*n
}

// reset forgets every result.
func (w *window) reset() { *w = window{} }
