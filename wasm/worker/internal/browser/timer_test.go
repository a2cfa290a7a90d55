package browser

import (
	"testing"
	"time"
)

func TestTimerStep(t *testing.T) {
	var reads int64
	for _, c := range []struct {
		name string
		now  func() int64
		want int64
	}{
		{"fine", func() int64 { return 5000 * (reads / 3) }, 5000},
		{"coarse", func() int64 { return 16_670_000 * (reads / 50_000) }, 16_670_000},
		{"jitters", func() int64 { return []int64{0, 100, 140}[reads%3] + 240*(reads/3) }, 40},
		{"starts late", func() int64 { return 100_000 * max(0, reads-1000) }, 100_000},
		{"stands still", func() int64 { return 7 }, int64(time.Millisecond)},
		{"stops", func() int64 { return min(reads, 4) * 2_000_000 }, 2_000_000},
		{"runs back", func() int64 { return -reads }, int64(time.Millisecond)},
	} {
		reads = -1
		if got := TimerStep(func() int64 { reads++; return c.now() }); got != c.want {
			t.Errorf("%s: step %d ns, want %d", c.name, got, c.want)
		}
	}
}
