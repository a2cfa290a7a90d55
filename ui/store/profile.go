package store

import (
	"errors"
	"fmt"
	"slices"

	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// load is what the worker was told to measure beside a search, until it is idle again.
type load struct {
	do string // search.DoProfile or search.DoSustain
	search.Load
	hidden bool       // the page was in the background at times
	before *Sustained // the run before this one, which stays if there is none of it
}

// Profile is where the time of a candidate goes. Raw samples are left out.
type Profile struct {
	trial.Profile
	Hidden bool // the page was in the background at times while it was measured
}

// CanMeasure reports whether the worker could run a load now.
func (s *Store) CanMeasure() bool { return s.CanTake() }

// Measuring returns the command that the worker measures for beside a search; it is empty
// while it does not.
func (s *Store) Measuring() string {
	if s.load == nil {
		return ""
	}
	return s.load.do
}

// measure tells the worker to run architectures, unless a search does.
func (s *Store) measure(do, sustained string, archs ...arch.Architecture) (search.Command, bool) {
	if s.searching {
		s.Fail("a search is under way: pause it before measuring anything else, since both would disturb each other")
		return search.Command{}, false
	}
	if !s.CanMeasure() || len(archs) == 0 {
		return search.Command{}, false
	}
	s.load = &load{do: do, hidden: s.hidden, before: s.sustained, Load: search.Load{Archs: archs, Workload: s.Study.Workload, MemoryLimit: s.Study.MemoryLimit, Code: s.code, Sustained: sustained}}
	return s.sending(search.Command{Do: do, Load: &s.load.Load}), true
}

// StopMeasuring ends what is measured beside a search.
func (s *Store) StopMeasuring() (search.Command, bool) {
	if s.load == nil || s.due != "" {
		return search.Command{}, false
	}
	return s.sending(search.Command{Do: search.DoStop}), true
}

// Stopping reports whether what is measured is about to end, or about to begin.
func (s *Store) Stopping() bool { return s.due != "" }

// endLoad notes that the worker measures no longer, whatever came of it.
func (s *Store) endLoad() {
	if s.load != nil && s.load.do == search.DoSustain {
		switch run := s.sustained; {
		case len(run.Rounds) == 0:
			s.sustained = s.load.before
		case len(run.Names) == 1:
			run.end()
			s.loaded = run.Verdict(0)
		default:
			run.end()
			s.loaded = fmt.Sprintf("The run of %d candidates has ended.", len(run.Names))
		}
	}
	s.load = nil
}

// MeasureProfile asks where the time of the selected candidate goes.
func (s *Store) MeasureProfile() (search.Command, bool) {
	t := s.Selected()
	if t == nil {
		return search.Command{}, false
	}
	return s.measure(search.DoProfile, "", t.Arch)
}

// Profile is where the time of the selected candidate goes, or nil if that was not
// measured since the study was opened.
func (s *Store) Profile() *Profile {
	t := s.Selected()
	if t == nil {
		return nil
	}
	if i := slices.IndexFunc(s.profiles, func(p *Profile) bool { return p.ArchID == t.ArchID() }); i >= 0 {
		return s.profiles[i]
	}
	return nil
}

const (
	maxProfiles = 100  // held; the oldest give way
	maxOps      = 1000 // of a profile; an architecture has some twenty roles of operations
)

func (s *Store) profiled(p trial.Profile) error {
	if s.load == nil || s.load.do != search.DoProfile || p.ArchID != s.load.Archs[0].ID() {
		return errors.New("a profile that was not asked for")
	}
	for _, phase := range []*trial.PhaseProfile{&p.Prefill, &p.Decode} {
		if n := len(phase.Ops); n == 0 || n > maxOps {
			return fmt.Errorf("profile of %d groups; 1 to %d are allowed", n, maxOps)
		}
		if !usable(phase.SumMs) || phase.SumMs == 0 {
			return fmt.Errorf("profile: sum_ms %v must be finite and above 0", phase.SumMs)
		}
		if err := cleanStat(&phase.Whole); err != nil {
			return err
		}
		for i := range phase.Ops {
			o := &phase.Ops[i]
			o.Name = line(o.Name, 80)
			if err := cleanStat(&o.Time); err != nil {
				return err
			}
			for _, v := range []float64{o.Share, o.GFLOPS, o.GBPerS} {
				if !usable(v) {
					return fmt.Errorf("profile: %s has %v, which must be finite and not negative", o.Name, v)
				}
			}
		}
	}
	p.Memory = nil // the page knows it by itself
	p.Device = *cleanDevice(p.Device)
	s.profiles = slices.DeleteFunc(s.profiles, func(other *Profile) bool { return other.ArchID == p.ArchID })
	s.profiles = append(s.profiles, &Profile{p, s.load.hidden})
	s.profiles = s.profiles[max(len(s.profiles)-maxProfiles, 0):]
	s.loaded = "It is known where the time goes."
	return nil
}

// cleanStat checks the times of a profile, and drops their samples.
func cleanStat(x *trial.Stat) error {
	for _, v := range []float64{x.MedianMs, x.LowMs, x.HighMs} {
		if !usable(v) {
			return fmt.Errorf("profile: %v ms must be finite and not negative", v)
		}
	}
	x.SamplesMs = nil
	return nil
}

// parts is how the memory of an architecture is divided.
type parts struct {
	id       string
	workload trial.Workload
	list     []trial.MemoryPart
}

// MemoryParts divides the memory of the selected candidate by its tensors, by the plan,
// so exactly and without measuring; none if nothing is selected. It takes a while, and
// stays until another is selected.
func (s *Store) MemoryParts() []trial.MemoryPart {
	t := s.Selected()
	if t == nil || s.Study == nil {
		return nil
	}
	if p := s.parts; p == nil || p.id != t.ArchID() || p.workload != s.Study.Workload {
		s.parts = &parts{id: t.ArchID(), workload: s.Study.Workload}
		if g, err := graph.Build(t.Arch, s.Study.Workload); err == nil {
			s.parts.list = trial.LargestParts(measure.MemoryParts(g))
		}
	}
	return s.parts.list
}
