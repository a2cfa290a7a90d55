package measure

import (
	"fmt"
	"slices"

	"litefront/searchcore/trial"
)

// CheckThreads reports why t cannot run w on as many threads as it says.
func CheckThreads(t Target, w trial.Workload) error {
	d, most := t.Device(), max(t.Features().Threads, 1)
	switch {
	case w.Threads <= most:
		return nil
	case slices.Contains(d.Features, NotIsolated):
		return fmt.Errorf("workload: threads %d need cross-origin isolation, which pages from HTTPS or localhost have", w.Threads)
	case most == 1 && d.Cores > 1:
		return fmt.Errorf("workload: threads %d: this engine runs modules on 1", w.Threads)
	}
	return fmt.Errorf("workload: threads %d must be at most %d, the cores of this device", w.Threads, most)
}

// NotIsolated is the feature of a browser's device whose page is not isolated from
// those of other origins: its timer is coarse, and it shares no memory.
const NotIsolated = "not-isolated"
