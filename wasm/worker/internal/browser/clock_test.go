package browser

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestClock(t *testing.T) {
	const ms, hour = int64(time.Millisecond), int64(time.Hour)
	reading := 7 * hour
	var set []time.Duration
	c := NewClock(func() int64 { return reading })
	c.Set = func(by time.Duration) { set = append(set, by) }
	start := c.Now()
	for _, step := range []struct {
		by, want int64 // of the browser's clock, of this one
		told     []time.Duration
	}{
		{3 * ms, 3 * ms, nil},
		{0, 0, nil},
		{-hour, 0, []time.Duration{-time.Hour}},
		{2 * ms, 2 * ms, nil},
		{hour + ms, 0, []time.Duration{time.Hour + time.Millisecond}},
		{int64(maxStep), int64(maxStep), nil},
		{int64(maxStep) + 1, 0, []time.Duration{maxStep + 1}},
		{-1, 0, []time.Duration{-1}},
	} {
		set = nil
		before := c.Now()
		reading += step.by
		if got := c.Now() - before; got != step.want || !slices.Equal(set, step.told) {
			t.Errorf("a step of %v counts as %v, told %v; want %v, %v", time.Duration(step.by), time.Duration(got), set, time.Duration(step.want), step.told)
		}
	}
	if c.Times() != 4 {
		t.Errorf("set %d times, want 4", c.Times())
	}
	// Between two searches anything may happen.
	set = nil
	for _, by := range []int64{24 * hour, -24 * hour} {
		before := c.Now()
		c.Rest()
		reading += by
		if got := c.Now() - before; got != 0 || len(set) > 0 || c.Times() != 4 {
			t.Errorf("after a rest of %v: %v passed, told %v", time.Duration(by), time.Duration(got), set)
		}
		reading += ms
		if got := c.Now() - before; got != ms {
			t.Errorf("after a rest: %v passed, want 1ms", time.Duration(got))
		}
	}
	if c.Now() < start {
		t.Error("it ran back")
	}
}

// Whatever the browser's clock does, this one goes forward, and no faster than it may.
func TestClockProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var reading int64
		c := NewClock(func() int64 { return reading })
		before := c.Now()
		for _, next := range rapid.SliceOf(rapid.Int64Range(-math.MaxInt64/4, math.MaxInt64/4)).Draw(t, "readings") {
			if rapid.Bool().Draw(t, "rest") {
				c.Rest()
			}
			reading = next
			now := c.Now()
			if now < before || now-before > int64(maxStep) {
				t.Fatalf("from %d to %d", before, now)
			}
			before = now
		}
	})
}
