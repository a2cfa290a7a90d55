package gpu

import (
	"math"
	"testing"
)

// Ticks are a nanosecond where they may be, and else what they were measured to be; a
// clock that stands still is none.
func TestPeriod(t *testing.T) {
	for _, c := range []struct {
		least, most, ticks, want float64
		sharp                    bool
	}{
		{99.5e6, 100.4e6, 100.3e6, 1, true},
		{98e6, 104e6, 99e6, 1, false}, // it may be one, and may not
		{100e6, 100.5e6, 99e6, 100.25 / 99, true},
		{100e6, 100.5e6, 10e6, 10.025, true},
		{90e6, 110e6, 10e6, 10, false},
	} {
		if got, sharp, err := period(c.least, c.most, c.ticks); err != nil || math.Abs(got-c.want) > 1e-9 || sharp != c.sharp {
			t.Errorf("%v to %v ns in %v ticks: period %v, sharp %v, error %v; want %v, %v", c.least, c.most, c.ticks, got, sharp, err, c.want, c.sharp)
		}
	}
	for _, ticks := range []float64{0, 1, math.Inf(1), math.NaN()} {
		if got, _, err := period(100e6, 100e6, ticks); err == nil {
			t.Errorf("%v ticks: period %v", ticks, got)
		}
	}
}
