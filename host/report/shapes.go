package report

import (
	"cmp"
	"fmt"
	"slices"

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
func (v *view) shapes() string {
	var list []known
	for _, p := range v.frontier {
		list = append(list, known{fmt.Sprintf("trial %d", p.Number), proxy.Outside(p.Arch)})
	}
	return "shapes on the frontier: " + unknownShapes(list)
}

// ties says in one line which neighbours on the frontier cannot be told apart by
// their predicted perplexity; nothing where no corpus is calibrated.
func (v *view) ties() string {
	var predictions []proxy.Prediction
	for _, p := range v.frontier {
		if list := proxy.Perplexities(p.Arch); len(list) > 0 {
			predictions = append(predictions, list[0])
		}
	}
	if len(predictions) < 2 {
		return ""
	}
	slices.SortFunc(predictions, func(a, b proxy.Prediction) int { return cmp.Compare(a.Perplexity, b.Perplexity) })
	ties := 0
	for i, p := range predictions[1:] {
		if p.Ties(predictions[i]) {
			ties++
		}
	}
	return fmt.Sprintf("ties on the frontier: of %d neighbours by predicted perplexity (%s), 90 %% intervals of %d overlap\n",
		len(predictions)-1, predictions[0].Corpus, ties)
}
