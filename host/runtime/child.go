package runtime

import (
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/signal"
	"runtime"

	"litefront/kernels"
	"litefront/kernels/generate"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
)

// ServeChild turns this process into the child of a [Process] and never returns,
// if it was started as one; otherwise it returns at once. It must be the first
// call of main, and of TestMain in packages that start a Process.
func ServeChild() {
	if len(os.Args) != 2 || os.Args[1] != childArg {
		return
	}
	cacheDir := os.Getenv(childEnv)
	// An interrupt from the terminal reaches the whole process group, but it is
	// the parent's to handle: it ends the search between two calls.
	signal.Ignore(os.Interrupt)
	// Up to one thread for each core runs compiled code, which is never preempted;
	// another must be able to see that the parent is gone.
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	engine, err := NewEngine(cacheDir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Engine", &service{engine: engine, programs: map[int]generate.Program{}}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server.ServeConn(pipes{orphan{os.Stdin}, os.Stdout})
	os.Exit(0)
}

// orphan ends the process when its input ends: the parent is gone, and nobody
// waits for what is still running.
type orphan struct{ io.ReadCloser }

func (o orphan) Read(b []byte) (int, error) {
	n, err := o.ReadCloser.Read(b)
	if n == 0 && err != nil {
		os.Exit(0)
	}
	return n, err
}

// service is the child's side of the connection. net/rpc calls its methods on
// goroutines of their own; the parent makes one call at a time.
type service struct {
	engine   *Engine
	programs map[int]generate.Program
	last     int
}

// RunArgs are the arguments of the call Run.
type RunArgs struct {
	Program int
	Call    measure.Call
}

func (s *service) Device(_ int, reply *trial.Device) error {
	*reply = s.engine.Device()
	return nil
}

func (s *service) Prepare(m *kernels.Module, id *int) error {
	p, err := s.engine.prepare(m)
	if err != nil {
		return err
	}
	s.last++
	s.programs[s.last] = p
	*id = s.last
	return nil
}

func (s *service) Run(args RunArgs, ns *int64) error {
	p, err := s.program(args.Program)
	if err != nil {
		return err
	}
	*ns, err = p.Run(args.Call)
	return err
}

func (s *service) Footprint(id int, reply *measure.Footprint) error {
	p, err := s.program(id)
	if err != nil {
		return err
	}
	*reply, err = p.Footprint()
	return err
}

// Piece is a part of a program's memory: Bytes from address At on.
type Piece struct {
	Program int
	At      int64
	Bytes   []byte
}

// ReadArgs are the arguments of the call Read.
type ReadArgs struct {
	Program int
	At      int64
	Length  int
}

func (s *service) Read(args ReadArgs, reply *[]byte) error {
	p, err := s.program(args.Program)
	if err != nil {
		return err
	}
	if args.Length < 0 || args.Length > mostPiece {
		return fmt.Errorf("a piece of %d bytes; at most %d are allowed", args.Length, mostPiece)
	}
	*reply = make([]byte, args.Length)
	_, err = p.ReadAt(*reply, args.At)
	return err
}

func (s *service) Write(piece Piece, _ *bool) error {
	p, err := s.program(piece.Program)
	if err != nil {
		return err
	}
	_, err = p.WriteAt(piece.Bytes, piece.At)
	return err
}

func (s *service) Ready(id int, _ *bool) error {
	p, err := s.program(id)
	if err != nil {
		return err
	}
	return p.Ready()
}

func (s *service) Close(id int, _ *bool) error {
	p, err := s.program(id)
	if err != nil {
		return err
	}
	delete(s.programs, id)
	return p.Close()
}

func (s *service) program(id int) (generate.Program, error) {
	p, ok := s.programs[id]
	if !ok {
		return nil, fmt.Errorf("no program %d is prepared", id)
	}
	return p, nil
}
