package report

import (
	"fmt"

	"litefront/searchcore/proxy"
)

// known is a model and how its shape relates to those that proxies for quality
// were tried on.
type known struct {
	name string
	proxy.Verdict
}

// unknownShapes says in one line how many shapes are unlike those that proxies
// were validated on, and of the worst by how much.
func unknownShapes(list []known) string {
	outside, worst := 0, known{}
	for _, k := range list {
		if len(k.Departures) == 0 {
			continue
		}
		outside++
		if k.Factor() > worst.Factor() {
			worst = k
		}
	}
	if outside == 0 {
		return "all are like those that the proxies were validated on"
	}
	return fmt.Sprintf("%d of %d are unlike any that the proxies were validated on; most of all %s: %v",
		outside, len(list), worst.name, worst.Verdict)
}

// shapes tells of those on the frontier.
func (v view) shapes() string {
	var list []known
	for _, p := range v.Frontier {
		list = append(list, known{fmt.Sprintf("trial %d", p.Number), proxy.Outside(p.Arch)})
	}
	return "shapes on the frontier: " + unknownShapes(list)
}
