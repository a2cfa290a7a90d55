package fleet

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"litefront/host/fleet/queue"
	"litefront/host/store"
	"litefront/kernels/jobs"
	"litefront/kernels/search"
)

// behaviour is how a scripted device answers a job.
type behaviour func(s *client, j jobs.Job, m *nats.Msg)

// honest answers at once.
func honest(s *client, j jobs.Job, m *nats.Msg) { s.answer(j, m) }

// twice delivers every result twice.
func twice(s *client, j jobs.Job, m *nats.Msg) {
	s.answer(j, m)
	r := s.result(j)
	if text, err := jobs.Encode(r); err == nil {
		s.sendText(text)
	}
}

// late delivers the first of its results after its lease.
func late() behaviour {
	var first sync.Once
	return func(s *client, j jobs.Job, m *nats.Msg) {
		first.Do(func() { time.Sleep(5 * time.Second / 2) })
		s.answer(j, m)
	}
}

// silent takes a few jobs and answers none of them.
func silent() behaviour {
	n := 0
	return func(s *client, j jobs.Job, m *nats.Msg) {
		if n++; n > 2 {
			s.answer(j, m)
		}
	}
}

// garbage answers with what is no result, then with one of another job.
func garbage(s *client, j jobs.Job, m *nats.Msg) {
	s.sendText([]byte("\x00\xff not JSON"))
	r := s.result(j)
	r.Measurement.MemoryBytes++
	s.send(r)
	m.Respond([]byte("+ACK"))
}

// thief takes a few jobs out of the queue without an answer.
func thief() behaviour {
	n := 0
	return func(s *client, j jobs.Job, m *nats.Msg) {
		if n++; n > 2 {
			s.answer(j, m)
			return
		}
		m.Respond([]byte("+ACK"))
	}
}

// stay works for whichever host is behind the door now, and enrols again with each,
// until ctx ends or it is told to quit or not let in.
func (s *client) stay(ctx context.Context, now func() *door, how behaviour) {
	var at *door
	for ctx.Err() == nil {
		d := now()
		if d == nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if d != at || s.conn == nil || s.conn.IsClosed() {
			token := ""
			if at == nil {
				var err error
				if token, err = d.token(); err != nil {
					s.t.Error(err)
					return
				}
			}
			status, _ := s.tryEnrol(d.url, token)
			switch {
			case status == http.StatusForbidden:
				return
			case status != http.StatusOK, s.connect(d.url) != nil:
				time.Sleep(50 * time.Millisecond)
				continue
			}
			at = d
			s.tell(jobs.Idle, "")
		}
		m := s.next()
		if m == nil {
			s.tell(jobs.Idle, "")
			continue
		}
		if j, err := jobs.Decode[jobs.Job](m.Data); err == nil {
			s.tell(jobs.Measuring, j.ID())
			how(s, j, m)
		}
	}
	if s.conn != nil {
		s.conn.Close()
	}
}

// TestDisturbed has twelve devices do a study, some of which lie, send garbage, deliver
// twice or late or nothing at all, while the host is started anew, once with its
// streams' files gone. It ends with exactly the frontier of an undisturbed search.
func TestDisturbed(t *testing.T) {
	disturb(t, queue.Options{}, []disturbance{
		{15, func(_ string, restart func(func())) { restart(func() {}) }},
		{60, func(dir string, restart func(func())) {
			restart(func() {
				if err := os.RemoveAll(filepath.Join(dir, "queue", "streams")); err != nil {
					t.Error(err)
				}
			})
		}},
	})
}

// disturbance is what happens to the host, whose files are in dir, when so many
// candidates were measured. Restart has something happen while the host is gone.
type disturbance struct {
	measured int
	happens  func(dir string, restart func(between func()))
}

func disturb(t *testing.T, o queue.Options, disturbances []disturbance) {
	t.Helper()
	q := testRequest(t, "120")
	dir := t.TempDir()
	var now atomic.Pointer[running]
	now.Store(startHost(t, dir, q, o))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var devices sync.WaitGroup
	// Those that lie are to be found out before the others have done all, on any machine.
	var helping atomic.Bool
	helping.Store(true)
	fleet := []struct {
		name   string
		factor float64
		how    behaviour
	}{
		{"board 1", 1, honest}, {"board 2", 1, honest}, {"board 3", 1, honest}, {"board 4", 1, honest}, {"thief", 1, thief()},
		{"twice 1", 1, twice}, {"twice 2", 1, twice}, {"late", 1, late()}, {"silent", 1, silent()},
		{"garbage", 1, garbage}, {"slower", 2, honest}, {"faster", 0.5, honest},
	}
	door := func() *door {
		if r := now.Load(); r != nil {
			return r.door
		}
		return nil
	}
	for _, d := range fleet {
		if d.factor != 1 { // the first device of a study is believed for want of others
			until(t, "an honest device", func() bool { return len(now.Load().Fleet().Devices) > 0 })
		}
		s := newClient(t, d.name, d.factor)
		s.quiet = true
		if !slices.Contains(liars, d.name) {
			s.helping = &helping
		}
		devices.Go(func() { s.stay(ctx, door, d.how) })
	}
	measured := func() (n int) {
		if r := now.Load(); r != nil {
			for _, c := range r.Fleet().Classes {
				n += c.Measured
			}
		}
		return n
	}
	until(t, "all devices", func() bool { return len(now.Load().Fleet().Devices) == len(fleet) })
	helping.Store(false)
	for _, d := range disturbances {
		until(t, fmt.Sprint(d.measured, " measured"), func() bool { return measured() >= d.measured })
		d.happens(dir, func(between func()) {
			if err := now.Swap(nil).stop(); err != nil {
				t.Error(err)
			}
			between()
			now.Store(startHost(t, dir, q, o))
		})
	}
	ended := func() bool {
		f := now.Load().Fleet()
		return len(f.Classes) == 1 && f.Classes[0].Done != ""
	}
	helping.Store(true)
	until(t, "end of the study, or of the liars", func() bool {
		all, err := now.Load().store.Devices(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := 0
		for _, d := range all {
			if d.State == store.Quarantined {
				out++
			}
		}
		return out == len(liars) || ended()
	})
	helping.Store(false)
	until(t, "end of the study", ended)
	r := now.Load()
	f := r.Fleet()
	stop()
	devices.Wait()
	if c := f.Classes[0]; c.Done != search.DoneBudget || c.Measured != 120 || c.Failed != 0 {
		t.Errorf("class %+v; want 120 measured by the budget", c)
	}
	verify(t, r, f.Classes[0].Class, q)
}

// liars are the devices of which nothing is to be believed.
var liars = []string{"faster", "garbage", "slower"}

// verify demands of a study that has ended that the liars are quarantined, and no others;
// that its frontier is that of a search alone; and that its journal has all of its budget,
// each trial once.
func verify(t *testing.T, r *running, class string, q search.Request) {
	t.Helper()
	var out []string
	all, err := r.store.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.State == store.Quarantined {
			out = append(out, d.Name)
			if d.Reason == "" {
				t.Errorf("%s is quarantined without a reason", d.Name)
			}
		}
	}
	slices.Sort(out)
	if !slices.Equal(out, liars) {
		t.Errorf("quarantined %v; want %v", out, liars)
	}
	if got, want := frontier(t, r, class), alone(t, q); !slices.Equal(got, want) {
		t.Errorf("frontier\n%v\nwant\n%v", got, want)
	}
	told := map[int]int{}
	for e, err := range r.store.Events(t.Context(), r.study.ID, class) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Measured != nil:
			told[e.Measured.Number]++
		case e.Failed != nil:
			t.Errorf("trial %d failed: %s", e.Failed.Number, e.Failed.Reason)
		}
	}
	budget, err := search.ParseBudget(q.Budget)
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != budget.Trials {
		t.Errorf("%d trials are measured; want %d", len(told), budget.Trials)
	}
	for number, n := range told {
		if n != 1 {
			t.Errorf("trial %d was measured %d times", number, n)
		}
	}
}

// TestFirst has a device lie before any other comes: it is not believed, as others may
// come. One that stays alone is.
func TestFirst(t *testing.T) {
	for _, tt := range []struct {
		name   string
		factor float64
		others int
		lease  time.Duration
	}{{"alone", 1, 0, testLease}, {"a liar, then three others", 2, 3, time.Minute}} { // for which it is not believed alone
		t.Run(tt.name, func(t *testing.T) {
			q := testRequest(t, "12")
			r := startHost(t, t.TempDir(), q, queue.Options{Lease: tt.lease})
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var devices sync.WaitGroup
			// The others are at the door, so that they come in time on any machine.
			var others []*client
			for i := range tt.others {
				others = append(others, newClient(t, fmt.Sprint("other ", i), 1))
				others[i].enter(r)
			}
			first := newClient(t, "first", tt.factor)
			first.quiet = true
			devices.Go(func() { first.stay(ctx, func() *door { return r.door }, honest) })
			until(t, "first jobs", func() bool {
				f := r.Fleet()
				return len(f.Classes) == 1 && f.Classes[0].Outstanding > 1
			})
			for _, s := range others {
				s.tell(jobs.Idle, "")
				devices.Go(func() { s.work(ctx) })
			}
			until(t, "end of the study", func() bool { return r.Fleet().Classes[0].Done != "" })
			if tt.others == 0 {
				expectLog(t, r, "believed without another device")
			}
			stop()
			devices.Wait()
			if got, want := frontier(t, r, r.Fleet().Classes[0].Class), alone(t, q); !slices.Equal(got, want) {
				t.Errorf("frontier\n%v\nwant\n%v", got, want)
			}
		})
	}
}

// Classes on which the study ended in an earlier run count once, also when a device comes
// back that has more to do there.
func TestEnded(t *testing.T) {
	h := New(Options{Ended: []string{"a", "b"}})
	for i, tt := range []struct {
		class, done string
		want        int
	}{{"", "", 2}, {"c", "", 2}, {"c", search.DoneBudget, 3}, {"a", "", 2}, {"a", search.DoneBudget, 3}} {
		if tt.class != "" {
			c := &class{}
			c.snapshot.Store(&snapshot{state: jobs.ClassState{Done: tt.done}})
			h.classes[tt.class] = c
		}
		if n, err := h.ended(); n != tt.want || err != nil {
			t.Errorf("step %d: %d classes have ended (%v); want %d", i, n, err, tt.want)
		}
	}
}

// TestSplit has two devices of a class that never agree: the study ends all the same.
func TestSplit(t *testing.T) {
	q := testRequest(t, "3")
	r := startHost(t, t.TempDir(), q, queue.Options{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var devices sync.WaitGroup
	for i, factor := range []float64{1, 2} {
		s := newClient(t, fmt.Sprint("board ", i), factor)
		s.quiet = true
		s.join(r)
		devices.Go(func() { s.work(ctx) })
	}
	until(t, "end of the study", func() bool { return r.Fleet().Classes[0].Done != "" })
	stop()
	devices.Wait()
	if c := r.Fleet().Classes[0]; c.Measured != 3 || c.Failed != 0 {
		t.Errorf("class %+v; want 3 measured", c)
	}
}
