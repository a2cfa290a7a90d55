package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// Sustained is a sustained run as far as it is told. Its rounds may be fewer than there
// will be, and its verdicts come with its end.
type Sustained struct {
	trial.Sustained
	Names  []string // the architectures in one line each
	Ended  bool
	Hidden bool // the page was in the background at times

	// Curves are the speeds of the architectures over time, Machine that of the device
	// itself: of the sentinel that is slower at the time.
	Curves  [][]measure.Speed
	Machine []measure.Speed
}

// CurvePoints is how many speeds a curve has at most.
const CurvePoints = 60

// Verdict says what the i-th architecture kept of its speed; empty while it runs.
func (r *Sustained) Verdict(i int) string {
	if !r.Ended {
		return ""
	}
	return measure.SustainedVerdict(r.Sustained, i)
}

// AtMs is how far the run is.
func (r *Sustained) AtMs() float64 {
	if n := len(r.Rounds); !r.Ended && n > 0 {
		return r.Rounds[n-1].AtMs
	}
	return r.TookMs
}

// end ends a run of which no more is told, such as when the worker died.
func (r *Sustained) end() {
	if r.Ended {
		return
	}
	r.TookMs, r.Ended = r.AtMs(), true
	measure.Judge(&r.Sustained)
}

// draw makes the curves of the rounds there are.
func (r *Sustained) draw() {
	curve := func(ms func(trial.Round) float64) []measure.Speed {
		return measure.SpeedCurve(r.Rounds, ms, r.AskedMs, CurvePoints)
	}
	r.Curves = nil
	for i := range r.Names {
		r.Curves = append(r.Curves, curve(measure.ResponseMs(r.Workload, i)))
	}
	r.Machine = curve(measure.ComputeMs)
	for i, stream := range curve(measure.StreamMs) {
		r.Machine[i].Share = min(r.Machine[i].Share, stream.Share)
	}
}

// SetSustainedFor takes what the user typed of how long a run is to be.
func (s *Store) SetSustainedFor(text string) {
	text = strings.TrimSpace(text)
	s.SustainedFor, s.SustainedInvalid = text[:min(len(text), 100)], ""
	if _, err := measure.ParseSustained(s.SustainedFor); err != nil {
		s.SustainedInvalid = line(err.Error(), maxText)
	}
}

// ToSustain lists what a run would be of: the candidates that are compared, or else the
// selected one.
func (s *Store) ToSustain() []*Trial {
	list := s.Compared()
	if t := s.Selected(); len(list) == 0 && t != nil {
		list = []*Trial{t}
	}
	return list
}

// Sustain asks whether candidates keep their speed.
func (s *Store) Sustain() (search.Command, bool) {
	d, err := measure.ParseSustained(s.SustainedFor)
	if err != nil {
		s.SustainedInvalid = line(err.Error(), maxText)
		return search.Command{}, false
	}
	var archs []arch.Architecture
	run := &Sustained{Hidden: s.hidden}
	for _, t := range s.ToSustain() {
		archs = append(archs, t.Arch)
		run.Names = append(run.Names, t.Name)
		run.Archs = append(run.Archs, trial.SustainedArch{ArchID: t.ArchID()})
	}
	command, ok := s.measure(search.DoSustain, s.SustainedFor, archs...)
	if ok {
		run.AskedMs, run.Workload = float64(d.Milliseconds()), s.Study.Workload
		s.sustained = run
	}
	return command, ok
}

// Sustained returns the latest sustained run of this study, or nil.
func (s *Store) Sustained() *Sustained { return s.sustained }

// sustaining returns the run under way, or an error if there is none.
func (s *Store) sustaining() (*Sustained, error) {
	if s.load == nil || s.load.do != search.DoSustain || s.sustained.Ended {
		return nil, errors.New("a sustained run that was not asked for")
	}
	return s.sustained, nil
}

// sustainedRounds takes the rounds since it was last told some.
func (s *Store) sustainedRounds(rounds []trial.Round) error {
	run, err := s.sustaining()
	if err != nil {
		return err
	}
	all := slices.Concat(run.Rounds, rounds)
	if err := checkRounds(all, len(run.Names)); err != nil {
		return err
	}
	run.Rounds = all
	run.draw()
	return nil
}

// sustainedEnded takes a whole run, with its verdicts.
func (s *Store) sustainedEnded(e trial.Sustained) error {
	run, err := s.sustaining()
	if err != nil {
		return err
	}
	same := func(a, b trial.SustainedArch) bool { return a.ArchID == b.ArchID }
	if !slices.EqualFunc(e.Archs, run.Archs, same) || e.Workload != run.Workload || e.AskedMs != run.AskedMs {
		return errors.New("a sustained run of something else")
	}
	if err := checkRounds(e.Rounds, len(run.Names)); err != nil {
		return err
	}
	kept := []*trial.Kept{e.Compute, e.Stream}
	for i := range e.Archs {
		kept = append(kept, e.Archs[i].Kept)
		e.Archs[i].ModuleSHA256 = line(e.Archs[i].ModuleSHA256, 64)
	}
	for _, k := range kept {
		if k != nil && !(usable(k.Share) && usable(k.Low) && usable(k.High)) {
			return fmt.Errorf("sustained run: kept %v [%v, %v] must be finite and not negative", k.Share, k.Low, k.High)
		}
	}
	if !usable(e.TookMs) {
		return fmt.Errorf("sustained run: took_ms %v must be finite and not negative", e.TookMs)
	}
	e.Device, e.Code = *cleanDevice(e.Device), line(e.Code, 80)
	run.Sustained, run.Ended = e, true
	run.draw()
	return nil
}

// checkRounds reports what is wrong with the rounds of so many architectures.
func checkRounds(rounds []trial.Round, archs int) error {
	if n := len(rounds); n > measure.MaxRounds {
		return fmt.Errorf("sustained run of %d rounds; at most %d are allowed", n, measure.MaxRounds)
	}
	atMs := 0.0
	for i, r := range rounds {
		if !(r.AtMs >= atMs) || !usable(r.AtMs) {
			return fmt.Errorf("sustained run: round %d begins at %v ms, after one that began at %v", i+1, r.AtMs, atMs)
		}
		atMs = r.AtMs
		if len(r.PrefillMs) != archs || len(r.DecodeMs) != archs {
			return fmt.Errorf("sustained run: round %d has %d and %d times of %d architectures", i+1, len(r.PrefillMs), len(r.DecodeMs), archs)
		}
		for _, v := range slices.Concat([]float64{r.ComputeMs, r.StreamMs}, r.PrefillMs, r.DecodeMs) {
			if !usable(v) || v == 0 {
				return fmt.Errorf("sustained run: %v ms in round %d must be finite and above 0", v, i+1)
			}
		}
	}
	return nil
}
