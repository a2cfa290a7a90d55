package survey

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"litefront/searchcore/objective"
	"litefront/searchcore/space"
)

// Line is one thing that is known of a space, for people.
type Line struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Lines says what s has found, a thing a line.
func (s Survey) Lines() []Line {
	size := rounded(s.Size)
	if s.Bounded {
		size += " at most: bounds on the decoder parameters exclude some"
	}
	lines := []Line{{"space", fmt.Sprintf("%s (%s)", s.Name, s.Arch)}, {"architectures", size}}
	for _, g := range s.Genes {
		lines = append(lines, Line{g.Name, g.span()})
	}
	params := func(n int64) string { return strconv.FormatInt(n, 10) }
	lines = append(lines, Line{"decoder parameters", s.DecoderParams.text(params)}, Line{"total parameters", s.TotalParams.text(params)})
	if s.PeakBytes != nil && s.Workload != nil {
		mebibytes := func(n int64) string { return objective.Objective{Unit: "MiB"}.Format(float64(n) / (1 << 20)) }
		lines = append(lines, Line{"peak memory", fmt.Sprintf("%s for a prompt of %d and a context of %d tokens",
			s.PeakBytes.text(mebibytes), s.Workload.PromptLen, s.Workload.Context)})
	}
	return lines
}

// Notes says what there is to mind about the lines and the space, a sentence each.
func (s Survey) Notes() (notes []string) {
	if !s.DecoderParams.Exact || !s.TotalParams.Exact || s.PeakBytes != nil && !s.PeakBytes.Exact {
		notes = append(notes, "~: of the members found nearest to the bounds; others may reach a little further")
	}
	for _, g := range s.Genes {
		if len(g.Dead) > 0 {
			notes = append(notes, fmt.Sprintf("warning: no member has %s %s", g.Name, listed(g.Dead)))
		}
	}
	return notes
}

// rounded writes n in full if that is short, else with three digits.
func rounded(n *big.Int) string {
	const digits = 9
	if text := n.String(); len(text) <= digits {
		return text
	}
	return "about " + new(big.Float).SetInt(n).Text('e', 2)
}

func (g Gene) span() string {
	n := len(g.Values)
	if n == 1 {
		return strconv.Itoa(g.Values[0])
	}
	return fmt.Sprintf("%d to %d, %d values", g.Values[0], g.Values[n-1], n)
}

func (e Extent) text(number func(int64) string) string {
	text := number(e.Min) + " to " + number(e.Max)
	if !e.Exact {
		text = "~ " + text
	}
	return text
}

// listed writes values for people, of many the first ones.
func listed(values space.Choices) string {
	const most = 10
	words := make([]string, 0, most+1)
	for i, v := range values {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more", len(values)-most))
			break
		}
		words = append(words, strconv.Itoa(v))
	}
	return strings.Join(words, ", ")
}
