package report_test

import (
	"strings"
	"testing"

	"litefront/searchcore/proxy"
	"litefront/searchcore/space"
)

// The table tells how many shapes on the frontier are unknown, and of the worst
// by how much.
func TestTableTellsUnknownShapes(t *testing.T) {
	const known = "shapes on the frontier: all are like those that the proxies were validated on\n"
	s := sample(t)
	worst, outside := proxy.Verdict{}, 0
	for _, r := range s.Frontier() {
		if v := proxy.Outside(r.Arch); len(v.Departures) > 0 {
			outside++
			if v.Factor() > worst.Factor() {
				worst = v
			}
		}
	}
	text := table(t, s)
	if outside == 0 || strings.Contains(text, known) || !strings.Contains(text, worst.String()) {
		t.Errorf("%d shapes are unknown, the worst by %v, and the table says\n%s", outside, worst, text)
	}

	if want := "\nties on the frontier: of 16 neighbours by predicted perplexity (WikiText-103), 90 % intervals of "; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}

	set := setup(t)
	set.Space.NLayer, set.Space.DModel, set.Space.DInner = space.Choices{4, 5}, space.Choices{256}, space.Choices{768, 1024}
	s = start(t, "plain", set)
	run(t, s, 3)
	if text := table(t, s); !strings.HasSuffix(text, known) {
		t.Errorf("no %q in\n%s", known, text)
	}
}
