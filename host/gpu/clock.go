//go:build gpu

package gpu

import (
	"encoding/binary"
	"time"

	"github.com/cogentcore/webgpu/wgpu"

	"litefront/kernels/wgsl"
)

// clock is the adapter's: two timestamps, around what is timed.
type clock struct {
	queries           *wgpu.QuerySet
	resolve, readback *wgpu.Buffer
	period            float64 // nanoseconds a tick
}

// newClock makes the clock and finds out how long its ticks are, which the library does
// not tell: two readings, each of them between two of the system's clock, further and
// further apart until the time between them is known well.
func (e *Engine) newClock() (c *clock, err error) {
	c = &clock{period: 1}
	if c.queries, err = e.device.CreateQuerySet(&wgpu.QuerySetDescriptor{Type: wgpu.QueryTypeTimestamp, Count: 2}); err != nil {
		return nil, err
	}
	if c.resolve, err = e.device.CreateBuffer(&wgpu.BufferDescriptor{Size: wgsl.TimeBytes, Usage: wgpu.BufferUsageQueryResolve | wgpu.BufferUsageCopySrc}); err != nil {
		return nil, err
	}
	if c.readback, err = e.device.CreateBuffer(&wgpu.BufferDescriptor{Size: wgsl.TimeBytes, Usage: wgpu.BufferUsageMapRead | wgpu.BufferUsageCopyDst}); err != nil {
		return nil, err
	}
	for apart := 50 * time.Millisecond; ; apart *= 2 {
		before, after, err := c.stamp(e, 0)
		if err != nil {
			return nil, err
		}
		time.Sleep(apart)
		before1, after1, err := c.stamp(e, 1)
		if err != nil {
			return nil, err
		}
		ticks, err := c.read(e)
		if err != nil {
			return nil, err
		}
		ns, sharp, err := period(float64(before1-after), float64(after1-before), float64(ticks))
		if err != nil {
			return nil, err
		}
		if sharp || apart > time.Second {
			c.period = ns
			return c, nil
		}
	}
}

// stamp takes the i-th timestamp, between two times of the system's clock.
func (c *clock) stamp(e *Engine, i uint32) (before, after int64, err error) {
	encoder, err := e.device.CreateCommandEncoder(nil)
	if err != nil {
		return 0, 0, err
	}
	defer encoder.Release()
	if err := encoder.WriteTimestamp(c.queries, i); err != nil {
		return 0, 0, err
	}
	if i == 1 {
		if err := c.resolved(encoder); err != nil {
			return 0, 0, err
		}
	}
	commands, err := encoder.Finish(nil)
	if err != nil {
		return 0, 0, err
	}
	defer commands.Release()
	before = now()
	e.queue.Submit(commands)
	e.device.Poll(true, nil)
	return before, now(), nil
}

// stop takes the second timestamp and has both read.
func (c *clock) stop(encoder *wgpu.CommandEncoder) error {
	if err := encoder.WriteTimestamp(c.queries, 1); err != nil {
		return err
	}
	return c.resolved(encoder)
}

func (c *clock) resolved(encoder *wgpu.CommandEncoder) error {
	if err := encoder.ResolveQuerySet(c.queries, 0, 2, c.resolve, 0); err != nil {
		return err
	}
	return encoder.CopyBufferToBuffer(c.resolve, 0, c.readback, 0, wgsl.TimeBytes)
}

// read returns the nanoseconds between the timestamps.
func (c *clock) read(e *Engine) (int64, error) {
	b, err := e.mapped(c.readback, wgsl.TimeBytes)
	if err != nil {
		return 0, lost(err)
	}
	first, second := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	if second < first {
		return 0, errNoTime
	}
	return max(int64(float64(second-first)*c.period), 1), nil
}
