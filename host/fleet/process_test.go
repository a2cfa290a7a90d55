package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"litefront/host/fleet/device"
	"litefront/host/fleet/queue"
	"litefront/internal/scripted"
	"litefront/kernels/jobs"
)

// hostProcess is a host that is a process of its own.
type hostProcess struct{ Dir, Listen, Budget string }

// deviceProcess is a device that is a process of its own.
type deviceProcess struct {
	Join, Dir, Name string
	Factor          float64       // of its times
	Takes           time.Duration // for a job
}

// program is the context of such a process: it ends by SIGTERM, and, so that nothing
// outlives the test, the process does at the end of its input.
func program() (context.Context, func()) {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(2)
	}()
	return signal.NotifyContext(context.Background(), syscall.SIGTERM)
}

func serveHost(text string) error {
	var p hostProcess
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	ctx, stop := program()
	defer stop()
	q, err := newRequest(p.Budget)
	if err != nil {
		return err
	}
	r, err := build(ctx, p.Dir, q, queue.Options{}, slog.New(slog.NewTextHandler(os.Stderr, nil)),
		func(token string) string { return "http://" + p.Listen + "/#join=" + token })
	if err != nil {
		return err
	}
	defer r.store.Close()
	defer r.queue.Close()
	l, err := net.Listen("tcp", p.Listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: r.Handler(http.NotFoundHandler())}
	go server.Serve(l)
	defer server.Close()
	return r.Run(ctx, 0)
}

func serveDevice(text string) error {
	var p deviceProcess
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	address, err := device.ParseAddress(p.Join)
	if err != nil {
		return err
	}
	ctx, stop := program()
	defer stop()
	hello := scriptedHello(p.Name)
	return device.Run(ctx, device.Config{
		Address: address, Dir: p.Dir, Hello: hello, Doer: scripted.Device{Device: hello.Device, Factor: p.Factor, Takes: p.Takes},
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

// process is one that the test started and may start again.
type process struct {
	t    *testing.T
	name string
	argv []string // before the program: what runs it somewhere else
	env  string
	log  string // path

	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.Closer
	end chan error // what the process ended with
}

// newProcess is a process that what says, as JSON in the variable env.
func newProcess(t *testing.T, dir, name, env string, what any, argv ...string) *process {
	t.Helper()
	text, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: name, argv: argv, env: env + "=" + string(text), log: filepath.Join(dir, name+".log")}
	t.Cleanup(func() {
		p.kill()
		if text, err := os.ReadFile(p.log); err == nil && t.Failed() {
			t.Logf("%s ended its log with\n%s", name, text[max(0, len(text)-4000):])
		}
	})
	return p
}

// start starts the process, which must not run.
func (p *process) start() {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer out.Close()
	argv := append(append([]string{}, p.argv...), self)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stderr = append(os.Environ(), p.env), out
	in, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.in, p.end = cmd, in, end
}

// signal sends a signal and returns the process's ID; 0 if it has ended.
func (p *process) signal(s os.Signal) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process.Signal(s) != nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// kill kills the process and waits until it is gone.
func (p *process) kill() {
	p.signal(os.Kill)
	p.wait()
}

// wait waits for the end of the process, for half a minute, and returns what it is.
func (p *process) wait() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	select {
	case err := <-p.end:
		p.cmd = nil
		p.in.Close()
		return err
	case <-time.After(5 * time.Minute):
		return fmt.Errorf("%s has not ended", p.name)
	}
}

// proxy is the only way to a server for some device, and can be as if its wire was cut:
// what is sent is neither delivered nor refused.
type proxy struct {
	address string // host:port
	mu      sync.Mutex
	cuts    int
	open    chan struct{} // closed while the wire is whole
}

// newProxy listens on a free port of an IP address.
func newProxy(t *testing.T, ip, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{address: l.Addr().String(), open: make(chan struct{})}
	close(p.open)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(t.Context(), c, to)
		}
	}()
	return p
}

func (p *proxy) serve(ctx context.Context, c net.Conn, to string) {
	defer c.Close()
	if !p.pass(ctx) {
		return
	}
	s, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close(); c.Close() })()
	done := make(chan struct{}, 2)
	for _, way := range []struct{ from, to net.Conn }{{c, s}, {s, c}} {
		go func() {
			defer func() { done <- struct{}{} }()
			text := make([]byte, 32<<10)
			for {
				n, err := way.from.Read(text)
				if n == 0 && err != nil || !p.pass(ctx) {
					return
				}
				if _, err := way.to.Write(text[:n]); err != nil {
					return
				}
			}
		}()
	}
	<-done
}

// pass waits until the wire is whole; false if ctx ends before.
func (p *proxy) pass(ctx context.Context) bool {
	p.mu.Lock()
	open := p.open
	p.mu.Unlock()
	select {
	case <-open:
		return true
	case <-ctx.Done():
		return false
	}
}

// cut cuts the wire until mend is called as often.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cuts++; p.cuts == 1 {
		p.open = make(chan struct{})
	}
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cuts--; p.cuts == 0 {
		close(p.open)
	}
}

// ask has the host at a URL answer with a message.
func ask[M jobs.Message](method, url string) (m M, err error) {
	q, err := http.NewRequest(method, url, nil)
	if err != nil {
		return m, err
	}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Do(q)
	if err != nil {
		return m, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return m, err
	}
	if r.StatusCode != http.StatusOK {
		return m, fmt.Errorf("%s: %.200s", r.Status, text)
	}
	return jobs.Decode[M](text)
}
