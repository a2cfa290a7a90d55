package fleet

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"litefront/host/fleet/queue"
	"litefront/kernels/jobs"
	"litefront/kernels/search"
)

// behaviour is how a scripted device answers a job.
type behaviour func(s *client, j jobs.Job, m *nats.Msg)

// honest answers at once.
func honest(s *client, j jobs.Job, m *nats.Msg) { s.answer(j, m) }

// twice delivers every result twice, the second time under another name.
func twice(s *client, j jobs.Job, m *nats.Msg) {
	s.answer(j, m)
	r := s.result(j)
	if text, err := jobs.Encode(r); err == nil {
		s.sendText(r.MessageID()+".again", text)
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
	s.sendText(j.ID()+j.Token+"1", []byte("\x00\xff not JSON"))
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

// stay works for whichever host runs now, and enrols again with each, until ctx ends or
// it is told to quit or not let in.
func (s *client) stay(ctx context.Context, host func() *running, how behaviour) {
	var at *running
	for ctx.Err() == nil {
		r := host()
		if r == nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if r != at || s.conn == nil || s.conn.IsClosed() {
			token := ""
			if at == nil {
				i, err := r.Invite()
				if err != nil {
					s.t.Error(err)
					return
				}
				_, token, _ = strings.Cut(i.URL, "#join=")
			}
			status, _ := s.tryEnrol(r.server.URL, token)
			switch {
			case status == http.StatusForbidden:
				return
			case status != http.StatusOK, s.connect(r.server.URL) != nil:
				time.Sleep(50 * time.Millisecond)
				continue
			}
			at = r
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
	fleet := []struct {
		name   string
		factor float64
		how    behaviour
	}{
		{"board 1", 1, honest}, {"board 2", 1, honest}, {"board 3", 1, honest}, {"board 4", 1, honest}, {"thief", 1, thief()},
		{"twice 1", 1, twice}, {"twice 2", 1, twice}, {"late", 1, late()}, {"silent", 1, silent()},
		{"garbage", 1, garbage}, {"slower", 2, honest}, {"faster", 0.5, honest},
	}
	ids := map[string]string{}
	for _, d := range fleet {
		s := newClient(t, d.name, d.factor)
		s.quiet = true
		ids[jobs.DeviceID(s.hello.Key)] = d.name
		devices.Go(func() { s.stay(ctx, now.Load, d.how) })
	}
	measured := func() (n int) {
		if r := now.Load(); r != nil {
			for _, c := range r.Fleet().Classes {
				n += c.Measured
			}
		}
		return n
	}
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
	until(t, "end of the study", func() bool {
		f := now.Load().Fleet()
		return len(f.Classes) == 1 && f.Classes[0].Done != ""
	})
	r := now.Load()
	f := r.Fleet()
	stop()
	devices.Wait()
	if c := f.Classes[0]; c.Done != search.DoneBudget || c.Measured != 120 || c.Failed != 0 {
		t.Errorf("class %+v; want 120 measured by the budget", c)
	}
	var out []string
	all, err := r.store.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.State == "quarantined" {
			out = append(out, ids[d.ID])
			if d.Reason == "" {
				t.Errorf("%s is quarantined without a reason", ids[d.ID])
			}
		}
	}
	slices.Sort(out)
	if want := []string{"faster", "garbage", "slower"}; !slices.Equal(out, want) {
		t.Errorf("quarantined %v; want %v", out, want)
	}
	if got, want := frontier(t, r, f.Classes[0].Class), alone(t, q); !slices.Equal(got, want) {
		t.Errorf("frontier\n%v\nwant\n%v", got, want)
	}
	// Nothing was counted twice: the journal has one measurement a trial.
	told := map[int]int{}
	for e, err := range r.store.Events(t.Context(), r.study.ID, f.Classes[0].Class) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Measured != nil {
			told[e.Measured.Number]++
		}
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
	}{{"alone", 1, 0}, {"a liar, then three others", 2, 3}} {
		t.Run(tt.name, func(t *testing.T) {
			q := testRequest(t, "12")
			r := startHost(t, t.TempDir(), q, queue.Options{})
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var devices sync.WaitGroup
			first := newClient(t, "first", tt.factor)
			first.quiet = true
			devices.Go(func() { first.stay(ctx, func() *running { return r }, honest) })
			until(t, "first jobs", func() bool {
				f := r.Fleet()
				return len(f.Classes) == 1 && f.Classes[0].Outstanding > 1
			})
			for i := range tt.others {
				s := newClient(t, fmt.Sprint("other ", i), 1)
				s.join(r)
				devices.Go(func() { s.work(ctx) })
			}
			until(t, "end of the study", func() bool { return r.Fleet().Classes[0].Done != "" })
			stop()
			devices.Wait()
			if got, want := frontier(t, r, r.Fleet().Classes[0].Class), alone(t, q); !slices.Equal(got, want) {
				t.Errorf("frontier\n%v\nwant\n%v", got, want)
			}
		})
	}
}
