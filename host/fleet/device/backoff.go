package device

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is how long to wait before attempts: ever longer, and not all devices the
// same.
type backoff struct {
	least, most time.Duration
	next        time.Duration
}

func (b *backoff) reset() { b.next = 0 }

// step is the next time to wait: half to all of what it would be without chance.
func (b *backoff) step() time.Duration {
	b.next = min(max(b.next, b.least), b.most)
	d := b.next/2 + rand.N(b.next/2+1)
	b.next *= 2
	return d
}

// sleep waits a step, or until ctx ends.
func (b *backoff) sleep(ctx context.Context) { sleep(ctx, b.step()) }

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
