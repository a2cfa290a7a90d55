package view

import (
	"testing"

	"litefront/ui/store"
)

// BenchmarkDraw builds the page of a study of 5,000 measured candidates, and what its
// chart is told.
func BenchmarkDraw(b *testing.B) {
	const candidates = 5000
	v := show(b)
	v.store.SetField(store.FieldStrategy, "random")
	v.search(candidates)
	bounds := v.store.Bounds()
	position := 0
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"unchanged", func() {}},
		{"selected", func() {
			position++
			v.store.Select(1 + position%candidates)
		}},
		{"bound", func() {
			position++
			v.store.SetBound("response_ms", bounds[1].Last/2+position%16)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			version := v.store.Version
			for b.Loop() {
				c.change()
				v.env.RunBuild(v.root)
				if v.store.Version != version { // as the page does
					version = v.store.Version
					v.store.Points()
					v.store.ChartOptions()
				}
			}
		})
	}
}
