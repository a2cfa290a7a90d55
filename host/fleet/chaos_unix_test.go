//go:build unix

package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"litefront/host/store"
	"litefront/kernels/jobs"
	"litefront/kernels/search"
)

// takes is how long a job takes.
const takes = 300 * time.Millisecond

// chaos is a study by processes, to which things happen.
type chaos struct {
	t       *testing.T
	dir     string
	url     string
	host    *process
	devices map[string]*process
	wire    *proxy // of the device "cut"
	space   *namespace
	later   sync.WaitGroup // what is still to happen
}

// event is what happens when so many candidates were measured.
type event struct {
	measured int
	what     string // for the log
	happens  func(*chaos)
}

// killHost kills the host without warning, and starts it again.
func killHost(c *chaos) {
	c.host.kill()
	c.host.start()
}

// loseQueue is killHost with the streams' files gone.
func loseQueue(c *chaos) {
	c.host.kill()
	if err := os.RemoveAll(filepath.Join(c.dir, "host", "queue", "streams")); err != nil {
		c.t.Error(err)
	}
	c.host.start()
}

// killDevice kills a device in the middle of a job, and starts it again.
func killDevice(name string) func(*chaos) {
	return func(c *chaos) {
		c.busy(name)
		c.devices[name].kill()
		c.devices[name].start()
	}
}

// stopDevice stops a device in the middle of a job for a while.
func stopDevice(name string, d time.Duration) func(*chaos) {
	return func(c *chaos) {
		c.busy(name)
		pid := c.devices[name].signal(syscall.SIGSTOP)
		if pid == 0 {
			return
		}
		// A process of its own goes on also if this one is killed: what is stopped would
		// stay for ever.
		again := exec.Command("sh", "-c", fmt.Sprintf("sleep %.3f; kill -CONT %d", d.Seconds(), pid))
		if err := again.Start(); err != nil {
			c.t.Error(err)
			c.devices[name].signal(syscall.SIGCONT)
			return
		}
		c.later.Go(func() { again.Wait() }) // it fails if the device was killed
	}
}

// cutWire cuts the wire of the device "cut" in the middle of a job for a while.
func cutWire(d time.Duration) func(*chaos) {
	return func(c *chaos) {
		c.busy("cut")
		c.wire.cut()
		c.after(d, c.wire.mend)
	}
}

// unplug takes the interface of the device "space" down for a while, if it has one of
// its own.
func unplug(d time.Duration) func(*chaos) {
	return func(c *chaos) {
		if c.space == nil {
			return
		}
		c.busy("space")
		c.space.set(c.t, "down")
		c.after(d, func() { c.space.set(c.t, "up") })
	}
}

// after does something later.
func (c *chaos) after(d time.Duration, do func()) {
	c.later.Go(func() {
		time.Sleep(d)
		do()
	})
}

// fleet is how the host says its fleet is; empty while it cannot be asked.
func (c *chaos) fleet() jobs.Fleet {
	f, err := ask[jobs.Fleet]("GET", c.url+jobs.StatePath)
	if err != nil {
		return jobs.Fleet{}
	}
	return f
}

// study is how the study is.
func (c *chaos) study() (s jobs.ClassState) {
	for _, s = range c.fleet().Classes {
	}
	return s
}

// busy waits until a device is in the middle of a job, for a while: it may never be
// again.
func (c *chaos) busy(name string) {
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, d := range c.fleet().Devices {
			if d.Name == name && d.State == jobs.Measuring {
				return
			}
		}
	}
}

func (c *chaos) token() (string, error) {
	i, err := ask[jobs.Invitation]("POST", c.url+jobs.InvitePath)
	_, token, _ := strings.Cut(i.URL, "#join=")
	return token, err
}

// device starts a device that reaches the host at an address.
func (c *chaos) device(name, address string, factor float64, argv ...string) {
	c.t.Helper()
	var token string
	until(c.t, "an invitation", func() bool {
		var err error
		token, err = c.token()
		return err == nil
	})
	p := newProcess(c.t, c.dir, name, deviceEnv, deviceProcess{
		Join: "http://" + address + "/#join=" + token, Dir: filepath.Join(c.dir, name), Name: name, Factor: factor, Takes: takes,
	}, argv...)
	p.start()
	c.devices[name] = p
}

// run has twelve devices do a study while events happen, and demands that it ends as if
// none had.
func (c *chaos) run(budget int, events []event) {
	t := c.t
	t.Helper()
	q := testRequest(t, strconv.Itoa(budget))
	address := fmt.Sprintf("127.0.0.1:%d", freePorts(t, 1)[0])
	c.dir, c.url, c.devices = t.TempDir(), "http://"+address, map[string]*process{}
	dir := filepath.Join(c.dir, "host")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c.host = newProcess(t, c.dir, "host", hostEnv, hostProcess{Dir: dir, Listen: address, Budget: q.Budget})
	c.host.start()
	until(t, "host", func() bool { return c.fleet().V == jobs.Version })

	enrolled := func(n int) {
		t.Helper()
		until(t, fmt.Sprint(n, " devices"), func() bool { return len(c.fleet().Devices) >= n })
	}
	// The first devices of a study are believed for want of others; and those that lie
	// are to be found out before others have done all.
	c.device("board 1", address, 1)
	c.device("board 2", address, 1)
	enrolled(2)
	c.device("slower", address, 2)
	c.device("faster", address, 0.5)
	enrolled(4)
	for _, name := range []string{"board 3", "killed", "paused"} {
		c.device(name, address, 1)
	}
	c.wire = newProxy(t, "127.0.0.1", address)
	c.device("cut", c.wire.address, 1)
	var err error
	if c.space, err = newNamespace(t); err != nil {
		t.Logf("no network namespace, so only a proxy is cut off: %v", err)
		c.device("space", address, 1)
	} else {
		c.device("space", newProxy(t, c.space.ip, address).address, 1, "ip", "netns", "exec", c.space.name)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	into := &door{url: c.url, token: c.token}
	for name, how := range map[string]behaviour{"late": late(), "twice": twice, "garbage": garbage} {
		s := newClient(t, name, 1)
		s.quiet = true
		clients.Go(func() {
			s.stay(ctx, func() *door { return into }, func(s *client, j jobs.Job, m *nats.Msg) {
				time.Sleep(takes) // otherwise it does the work of all others
				how(s, j, m)
			})
		})
	}

	for _, e := range events {
		until(t, fmt.Sprintf("%d measured before: %s", e.measured, e.what), func() bool {
			s := c.study()
			return s.Measured >= e.measured || s.Done != ""
		})
		s := c.study()
		if s.Done != "" {
			t.Logf("the study ended before: %s", e.what)
			break
		}
		t.Logf("%d measured: %s", s.Measured, e.what)
		e.happens(c)
	}
	until(t, "end of the study", func() bool { return c.study().Done != "" })
	class := c.study()
	c.later.Wait()
	if class.Done != search.DoneBudget || class.Measured != budget || class.Failed != 0 {
		t.Errorf("class %+v; want %d measured by the budget", class, budget)
	}
	stop()
	clients.Wait()
	for name, p := range c.devices {
		if name == "slower" || name == "faster" { // it ends by itself
			var exit *exec.ExitError
			if err := p.wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("%s ended with %v; want exit status 1", name, err)
			}
			continue
		}
		p.signal(syscall.SIGTERM)
		if err := p.wait(); err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
	}
	c.host.signal(syscall.SIGTERM)
	if err := c.host.wait(); err != nil {
		t.Errorf("the host ended with %v", err)
	}
	r := &running{}
	if r.store, err = store.Open(t.Context(), filepath.Join(dir, "store.db")); err != nil {
		t.Fatal(err)
	}
	defer r.store.Close()
	if r.study, err = r.store.Study(t.Context(), q.Name); err != nil {
		t.Fatal(err)
	}
	verify(t, r, class.Class, q)
}

// TestChaos has a host and its devices, each a process of its own, killed, stopped and
// cut off, while other devices lie, send garbage, or deliver late or twice. The study
// ends with the frontier of an undisturbed search.
func TestChaos(t *testing.T) {
	const while = testLease * 3 / 2
	c := &chaos{t: t}
	c.run(80, []event{
		{4, "paused is stopped past its lease", stopDevice("paused", while)},
		{8, "killed is killed", killDevice("killed")},
		{12, "cut is cut off", cutWire(while)},
		{16, "space is unplugged", unplug(while)},
		{24, "the host is killed", killHost},
		{38, "the host is killed, and the queue's files are gone", loseQueue},
		{48, "killed is killed again", killDevice("killed")},
	})
}

// TestMuchChaos does so by chance, again and again. LITEFRONT_SEED has it draw what an earlier run drew.
func TestMuchChaos(t *testing.T) {
	if os.Getenv("LITEFRONT_LONG") == "" {
		t.Skip("it takes five minutes: set LITEFRONT_LONG")
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("LITEFRONT_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("LITEFRONT_SEED=%d", seed)
	for round, end := uint64(0), time.Now().Add(5*time.Minute); time.Now().Before(end); round++ {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			const budget = 200
			(&chaos{t: t}).run(budget, randomEvents(rand.New(rand.NewPCG(seed, round)), budget))
		})
	}
}

func randomEvents(r *rand.Rand, budget int) []event {
	names := []string{"board 1", "board 2", "board 3", "killed", "paused", "cut", "space", "slower", "faster"}
	events := make([]event, 12)
	for i := range events {
		e := event{measured: 1 + r.IntN(budget-5)}
		name, d := names[r.IntN(len(names))], testLease/2+time.Duration(r.Int64N(int64(3*testLease)))
		switch r.IntN(8) {
		case 0:
			e.what, e.happens = "the host is killed", killHost
		case 1:
			e.what, e.happens = "the host is killed, and the queue's files are gone", loseQueue
		case 2, 3:
			e.what, e.happens = name+" is killed", killDevice(name)
		case 4, 5:
			e.what, e.happens = fmt.Sprintf("%s is stopped for %v", name, d), stopDevice(name, d)
		case 6:
			e.what, e.happens = fmt.Sprintf("cut is cut off for %v", d), cutWire(d)
		case 7:
			e.what, e.happens = fmt.Sprintf("space is unplugged for %v", d), unplug(d)
		}
		events[i] = e
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.measured - b.measured })
	return events
}

// namespace is a network that one device is alone in, with a wire to this one.
type namespace struct{ name, link, ip string }

// newNamespace makes one, which takes root's rights and the program ip.
func newNamespace(t *testing.T) (*namespace, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.New("Linux has them")
	}
	// Each process has addresses of its own, of those that are for tests.
	pid := os.Getpid()
	net := fmt.Sprintf("198.18.%d.", pid>>6&255)
	n := &namespace{name: fmt.Sprint("litefront", pid), link: fmt.Sprint("lf", pid, "a"), ip: net + strconv.Itoa(pid&63*4+1)}
	peer, other := fmt.Sprint("lf", pid, "b"), net+strconv.Itoa(pid&63*4+2)
	if err := ip("netns", "add", n.name); err != nil {
		return nil, err
	}
	// It is taken away also if this process is killed.
	away := exec.Command("sh", "-c", `trap "" INT TERM; read line; ip link del "$0"; ip netns del "$1"`, n.link, n.name)
	in, err := away.StdinPipe()
	if err == nil {
		err = away.Start()
	}
	if err != nil {
		return nil, errors.Join(err, ip("netns", "del", n.name))
	}
	t.Cleanup(func() {
		in.Close()
		if err := away.Wait(); err != nil {
			t.Errorf("namespace %s: %v", n.name, err)
		}
	})
	for _, args := range [][]string{
		{"link", "add", n.link, "type", "veth", "peer", "name", peer, "netns", n.name},
		{"addr", "add", n.ip + "/30", "dev", n.link},
		{"link", "set", n.link, "up"},
		{"-n", n.name, "addr", "add", other + "/30", "dev", peer},
		{"-n", n.name, "link", "set", peer, "up"},
	} {
		if err := ip(args...); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// set takes the wire up or down.
func (n *namespace) set(t *testing.T, state string) {
	if err := ip("link", "set", n.link, state); err != nil {
		t.Error(err)
	}
}

func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
