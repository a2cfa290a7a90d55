package results

import (
	"litefront/searchcore/cost"
	"litefront/searchcore/study"
)

// maxFitted is how many of the latest measurements a model is fitted to.
const maxFitted = 500

// Model fits the model of the device that a study's latest trials were measured on, as
// package cost does: to these, references included, and from what the study knew of
// other devices. fitted is how many there were. An error says in one line why there is
// none, such as too few measurements.
func Model(s *study.Study) (m *cost.Model, fitted int, err error) {
	var usable []cost.Observation
	for _, r := range s.Trials() {
		if r.Status != study.Measured {
			continue
		}
		if o := (cost.Observation{Arch: r.Arch, Measurement: *r.Measurement}); o.Validate() == nil {
			usable = append(usable, o)
		}
	}
	latest := cost.Latest(usable, maxFitted)
	m, err = cost.FitFrom(s.Started().Known, latest)
	return m, len(latest), err
}
