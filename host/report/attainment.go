package report

import (
	"encoding/json"
	"slices"
)

// attainment is the hypervolume over time of studies that differ only in their
// seed: how good a search of this kind is after so long, and how much of that is
// luck. It ends with the shortest of them.
type attainment struct {
	Strategy string          `json:"strategy"`
	Studies  []int           `json:"studies"` // indices, from 0
	Grid     []attainedAfter `json:"grid"`
}

// attainedAfter are the median and the quartiles over the seeds.
type attainedAfter struct {
	Seconds float64 `json:"seconds"`
	Lower   maybe   `json:"lower_quartile"`
	Median  maybe   `json:"median"`
	Upper   maybe   `json:"upper_quartile"`
}

// gridSteps is the number of equal steps of an attainment's time.
const gridSteps = 50

func (c *Comparison) attainments() {
	c.document.Attainment = []attainment{}
	for _, group := range c.seedGroups() {
		if end := c.shortest(group); len(group) > 1 && end > 0 {
			c.document.Attainment = append(c.document.Attainment, c.attainment(group, end))
		}
	}
}

// shortest is the least device time of the studies, in seconds.
func (c *Comparison) shortest(group []int) float64 {
	end := c.studies[group[0]].Seconds
	for _, i := range group {
		end = min(end, c.studies[i].Seconds)
	}
	return end
}

// seedGroups are the indices of studies that differ only in their seed, each once.
func (c *Comparison) seedGroups() [][]int {
	var keys []string
	groups := map[string][]int{}
	for i, s := range c.studies {
		setup := s.started.Setup
		setup.Seed = 0
		text, _ := json.Marshal(setup) // it came from JSON
		key := s.Device + string(text)
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
		if !slices.ContainsFunc(groups[key], func(j int) bool { return c.studies[j].Seed == s.Seed }) {
			groups[key] = append(groups[key], i)
		}
	}
	list := make([][]int, len(keys))
	for i, key := range keys {
		list[i] = groups[key]
	}
	return list
}

func (c *Comparison) attainment(group []int, end float64) attainment {
	a := attainment{Strategy: c.studies[group[0]].Strategy, Studies: group}
	for k := range gridSteps + 1 {
		seconds := end * float64(k) / gridSteps
		var shares []float64
		for _, i := range group {
			shares = append(shares, c.studies[i].at(seconds))
		}
		slices.Sort(shares)
		a.Grid = append(a.Grid, attainedAfter{
			seconds, maybe(quantile(shares, 0.25)), maybe(quantile(shares, 0.5)), maybe(quantile(shares, 0.75)),
		})
	}
	return a
}

// quantile interpolates linearly between sorted values, of which there is at
// least one.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	next := min(i+1, len(sorted)-1)
	return sorted[i] + (at-float64(i))*(sorted[next]-sorted[i])
}
