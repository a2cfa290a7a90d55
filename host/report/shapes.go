package report

import (
	"fmt"

	"litefront/searchcore/proxy"
)

// shapes says in one line how far the frontier leaves the shapes that proxies for
// quality were tried on.
func (v *view) shapes() string {
	outside, worst := 0, proxy.Verdict{}
	var trial int
	for _, p := range v.frontier {
		verdict := proxy.Outside(p.Arch)
		if len(verdict.Departures) == 0 {
			continue
		}
		outside++
		if verdict.Factor() > worst.Factor() {
			worst, trial = verdict, p.Number
		}
	}
	if outside == 0 {
		return "shapes: all on the frontier are like those that the proxies were validated on"
	}
	return fmt.Sprintf("shapes: %d of %d on the frontier are unlike any that the proxies were validated on; most of all trial %d: %v",
		outside, len(v.frontier), trial, worst)
}
