package report_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"litefront/searchcore/proxy"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
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

	set := setup(t)
	set.Space.NLayer, set.Space.DModel, set.Space.DInner = space.Choices{4, 5}, space.Choices{256}, space.Choices{768, 1024}
	s = start(t, "plain", set)
	run(t, s, 3)
	if text := table(t, s); !strings.HasSuffix(text, known) {
		t.Errorf("no %q in\n%s", known, text)
	}
}

// The table marks a member of the frontier that ties with the next better one, and
// counts them.
func TestTableMarksTies(t *testing.T) {
	s := sample(t)
	text := table(t, s)
	frontier := s.Frontier()
	slices.SortFunc(frontier, func(a, b study.Record) int {
		return cmp.Compare(proxy.Quality(b.Arch), proxy.Quality(a.Arch)) // perplexity falls with quality
	})
	ties := 0
	for i, r := range frontier {
		tied := i > 0 && proxy.Perplexities(r.Arch)[0].Low <= proxy.Perplexities(frontier[i-1].Arch)[0].High
		if tied {
			ties++
		}
		if row := cells(t, text, strconv.Itoa(r.Number)); strings.Contains(row, "M ~") != tied {
			t.Errorf("trial %d: tied %v, row %q", r.Number, tied, row)
		}
	}
	for _, want := range []string{
		"\n~: ties with the next better member of the frontier by predicted perplexity\n",
		fmt.Sprintf("\nties on the frontier: of 16 neighbours by predicted perplexity (WikiText-103), 90 %% intervals of %d overlap\n", ties),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	set := setup(t)
	s = start(t, "one", set)
	run(t, s, 1)
	if text := table(t, s); strings.Contains(text, "~") || strings.Contains(text, "ties on the frontier") {
		t.Errorf("a frontier of one has ties:\n%s", text)
	}
}
