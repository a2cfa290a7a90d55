package study

import (
	"slices"

	"litefront/searchcore/trial"
)

// Compact returns the shortest list of events that [Replay] turns into the same
// study: of several attempts at a trial the last, at the place of the first,
// and of several settings of one name the last. It numbers what remains anew.
// Events that Replay refuses are returned as they are, so that compaction never
// hides a fault.
func Compact(events []trial.Event) []trial.Event {
	lastAsked := make(map[int]trial.Event)
	lastSetting := make(map[string]int64)
	for _, e := range events {
		switch {
		case e.Asked != nil:
			lastAsked[e.Asked.Number] = e
		case e.Setting != nil:
			lastSetting[e.Setting.Name] = e.Seq
		}
	}
	kept := make([]trial.Event, 0, len(events))
	for _, e := range events {
		switch {
		case e.Asked != nil:
			last, first := lastAsked[e.Asked.Number]
			if !first {
				continue
			}
			delete(lastAsked, e.Asked.Number)
			e = last
		case e.Setting != nil && e.Seq != lastSetting[e.Setting.Name]:
			continue
		}
		e.Seq = int64(len(kept) + 1)
		kept = append(kept, e)
	}
	if len(kept) == len(events) {
		return slices.Clone(events)
	}
	if _, err := Replay(events, nil, nil); err != nil {
		return slices.Clone(events)
	}
	return kept
}
