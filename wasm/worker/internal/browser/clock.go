package browser

import "time"

// maxStep is the longest that can pass between two readings of the clock during a
// search: a call that takes longer is not waited for, since the page takes a worker
// that is silent for so long for dead.
const maxStep = 5 * time.Minute

// Clock makes a clock that measuring can rely on of a browser's. That is monotonic by
// its specification, but it may go on while the worker is frozen or the device sleeps,
// and a browser may be wrong. This one never runs back; what passes between two readings
// is none of its time if it is negative or longer than [maxStep]. Then the clock was
// set, and that is told.
type Clock struct {
	read func() int64 // nanoseconds
	// Set, if not nil, is called when the clock was set, with how far.
	Set func(by time.Duration)

	begun  bool
	last   int64 // reading
	offset int64 // from a reading to this clock
	times  int   // that it was set
}

// NewClock returns a clock that reads another one, in nanoseconds.
func NewClock(read func() int64) *Clock { return &Clock{read: read} }

// Now returns the time in nanoseconds, from any origin.
func (c *Clock) Now() int64 {
	reading := c.read()
	step := reading - c.last
	switch {
	case !c.begun:
		c.begun = true
		c.offset -= step // whatever it was set to while nobody looked
	case step < 0 || step > int64(maxStep):
		c.offset -= step
		c.times++
		if c.Set != nil {
			c.Set(time.Duration(step))
		}
	}
	c.last = reading
	return reading + c.offset
}

// Rest says that nothing is measured: how much passes before the next reading does not
// matter.
func (c *Clock) Rest() { c.begun = false }

// Times says how often the clock was set.
func (c *Clock) Times() int { return c.times }
