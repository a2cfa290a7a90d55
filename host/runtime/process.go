package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"litefront/kernels"
	"litefront/kernels/generate"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
)

// Process is an [Engine] in a child process. The child is this same binary,
// started again; its main must call [ServeChild] first. A Process starts its
// child when it is first needed and again after it was lost; a call that takes
// longer than the limit, or a child that dies, fails with an error that wraps
// measure.ErrLost and costs nothing but the programs of that child.
type Process struct {
	environment []string // tells the child which engine it is
	limit       time.Duration
	description *Description // of the first child
	child       *child       // nil when there is none
}

// NewProcess returns a target whose calls may take at most limit each. cacheDir
// is as in [NewEngine].
func NewProcess(cacheDir string, limit time.Duration) (*Process, error) {
	return newProcess(limit, childEnv+"="+cacheDir)
}

// NewGPUProcess is NewProcess for the GPU whose adapter's name contains a text, as in
// gpu.Open: a driver that crashes, or kernels that hang, end the child alone.
func NewGPUProcess(adapter string, limit time.Duration) (*Process, error) {
	environment := []string{childGPU + "=" + adapter}
	if os.Getenv("XDG_RUNTIME_DIR") == "" { // without it, Vulkan's loader complains on standard error
		environment = append(environment, "XDG_RUNTIME_DIR="+os.TempDir())
	}
	return newProcess(limit, environment...)
}

func newProcess(limit time.Duration, environment ...string) (*Process, error) {
	p := &Process{environment: environment, limit: limit}
	if _, err := p.running(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Device implements measure.Target.
func (p *Process) Device() trial.Device { return p.description.Device }

// Features implements measure.Target.
func (p *Process) Features() kernels.Features { return p.description.Features }

// Now implements measure.Target.
func (p *Process) Now() int64 { return now() }

// Prepare implements measure.Target.
func (p *Process) Prepare(m *kernels.Module) (measure.Program, error) {
	c, err := p.running()
	if err != nil {
		return nil, err
	}
	r := &remote{child: c, limit: p.limit}
	return r, c.call("Prepare", m, &r.id, p.limit)
}

// Kill ends the child, whatever it is doing.
func (p *Process) Kill() {
	if p.child != nil {
		p.child.kill()
	}
}

// Close ends the child.
func (p *Process) Close() error {
	p.Kill()
	p.child = nil
	return nil
}

// running returns the child, started if need be.
func (p *Process) running() (*child, error) {
	if p.child != nil && !p.child.dead() {
		return p.child, nil
	}
	c, err := startChild(p.environment)
	if err != nil {
		return nil, fmt.Errorf("%w: engine process: %w", measure.ErrDevice, err)
	}
	p.child = c
	var d Description
	if err := c.call("Describe", 0, &d, p.limit); err != nil {
		p.Kill()
		if p.description == nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: engine process: %w", measure.ErrDevice, err)
	}
	if p.description == nil {
		p.description = &d
	}
	// A GPU that is gone may have left another one in its place, or a software adapter.
	if was := *p.description; !d.Device.Same(was.Device) || !reflect.DeepEqual(d.Features, was.Features) {
		p.Kill()
		return nil, fmt.Errorf("%w: it was %s by %s, and is %s by %s now", measure.ErrDevice, was.Device.CPU, was.Device.Engine, d.Device.CPU, d.Device.Engine)
	}
	return c, nil
}

// child is a running child process.
type child struct {
	cmd    *exec.Cmd
	client *rpc.Client
	stderr *words
	exited chan struct{} // closed when the process is gone
	once   sync.Once
}

// A child is started with childArg as its only argument, and the name of its cache
// directory in childEnv, or that of a GPU's adapter in childGPU.
const (
	childArg = "litefront-engine-child"
	childEnv = "LITEFRONT_ENGINE_CACHE"
	childGPU = "LITEFRONT_ENGINE_GPU"
)

func startChild(environment []string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(exe, childArg), stderr: &words{}, exited: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), environment...)
	c.cmd.Stderr = c.stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe, which Wait would close under the reader.
	out, childOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	c.cmd.Stdout = childOut
	err = c.cmd.Start()
	if err = errors.Join(err, childOut.Close()); err != nil {
		_ = in.Close() // a start that fails has closed it
		return nil, errors.Join(err, out.Close())
	}
	c.client = rpc.NewClient(pipes{out, in})
	go func() {
		_ = c.cmd.Wait() // how it ended is told by stderr, and by the failing call
		close(c.exited)
	}()
	return c, nil
}

func (c *child) kill() {
	c.once.Do(func() { _ = c.cmd.Process.Kill() }) // fails only if it is gone already
	<-c.exited
}

func (c *child) dead() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// call makes one call of the child and kills it when that takes too long.
func (c *child) call(method string, args, reply any, limit time.Duration) error {
	// A child that hangs may not even read the request: whatever waits for it
	// ends when it is killed.
	var late atomic.Bool
	watchdog := time.AfterFunc(limit, func() {
		late.Store(true)
		c.kill()
	})
	defer watchdog.Stop()
	err := c.client.Call("Engine."+method, args, reply)
	var said rpc.ServerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said): // the engine is well, the call is not
		return errors.New(strings.TrimSpace(string(said)))
	case late.Load():
		return fmt.Errorf("%w: it did not answer within %v and was killed", measure.ErrLost, limit)
	}
	c.kill()
	return fmt.Errorf("%w: its process died (%v)%s", measure.ErrLost, c.cmd.ProcessState, c.stderr.first())
}

// remote is a program in the child, whose memory is open as it is in this process.
type remote struct {
	child *child
	id    int
	limit time.Duration
}

var _ generate.Program = (*remote)(nil)

func (r *remote) Run(c measure.Call) (ns int64, err error) {
	err = r.child.call("Run", RunArgs{r.id, c}, &ns, r.limit)
	return ns, err
}

func (r *remote) Footprint() (f measure.Footprint, err error) {
	err = r.child.call("Footprint", r.id, &f, r.limit)
	return f, err
}

// mostPiece bounds what one call reads or writes of a memory, in bytes.
const mostPiece = 1 << 20

// ReadAt implements io.ReaderAt for the linear memory.
func (r *remote) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		piece := b[n:min(n+mostPiece, len(b))]
		var got []byte
		if err := r.child.call("Read", ReadArgs{r.id, at + int64(n), len(piece)}, &got, r.limit); err != nil {
			return n, err
		}
		n += copy(piece, got)
		if len(got) != len(piece) {
			return n, fmt.Errorf("%w: it read %d bytes instead of %d", measure.ErrLost, len(got), len(piece))
		}
	}
	return n, nil
}

// WriteAt implements io.WriterAt for the linear memory.
func (r *remote) WriteAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		piece := b[n:min(n+mostPiece, len(b))]
		if err := r.child.call("Write", Piece{r.id, at + int64(n), piece}, new(bool), r.limit); err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

// Ready calls the export ready, which must follow weights that were written.
func (r *remote) Ready() error { return r.child.call("Ready", r.id, new(bool), r.limit) }

func (r *remote) Close() error {
	if r.child.dead() {
		return nil
	}
	return r.child.call("Close", r.id, new(bool), r.limit)
}

// pipes joins the child's output and input into one connection.
type pipes struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipes) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }

// words keeps the beginning of what a dying process says: Go's runtime names the
// reason first and lists goroutines after it.
type words struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const longestWords = 4 << 10

func (t *words) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b[:min(len(b), longestWords-t.buf.Len())])
	return len(b), nil
}

// first is the first line, as a suffix of a message.
func (t *words) first() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	line, _, _ := strings.Cut(strings.TrimSpace(t.buf.String()), "\n")
	if line == "" {
		return ""
	}
	return ": " + line
}
