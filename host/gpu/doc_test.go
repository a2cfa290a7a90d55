package gpu

import (
	"math"
	"testing"
)

// Ticks are a nanosecond where they are nearly so, and else what they were measured to
// be; a clock that stands still is none.
func TestPeriod(t *testing.T) {
	for _, c := range []struct{ ns, ticks, want float64 }{
		{100e6, 100.4e6, 1}, {100e6, 99.2e6, 1}, {100e6, 10e6, 10}, {100e6, 1.2e6, 100 / 1.2},
	} {
		if got, err := period(c.ns, c.ticks); err != nil || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v ns in %v ticks: period %v, error %v; want %v", c.ns, c.ticks, got, err, c.want)
		}
	}
	for _, ticks := range []float64{0, 1, math.Inf(1), math.NaN()} {
		if got, err := period(100e6, ticks); err == nil {
			t.Errorf("%v ticks: period %v", ticks, got)
		}
	}
}
