// Package generate continues a prompt with the module of an architecture, on any
// engine whose programs have their memory open: the command line's and a browser's.
//
// Like the measuring protocol it starts no goroutine and reads no clock of its own; a
// context takes effect between two calls of the module.
package generate

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"

	"litefront/kernels"
	"litefront/kernels/export"
	"litefront/kernels/measure"
	"litefront/searchcore/graph"
)

// Program is a measure.Program whose linear memory is open: for whoever brings weights
// and tokens and reads logits.
type Program interface {
	measure.Program
	io.ReaderAt // of the memory, by address
	io.WriterAt
	// Ready calls the export ready, which must follow weights that were written.
	Ready() error
}

// Result is how long a generation took, in the module alone.
type Result struct {
	PrefillMs float64 `json:"prefill_ms"` // of the prompt, after which the first token is known; 0 if not timed
	DecodeMs  float64 `json:"decode_ms"`  // of all others together that were timed
	Decoded   int     `json:"decoded"`    // how many these are
}

// Run generates on target, and tells each token as it comes. The weights are those of
// the seed, or those given. An error wraps ctx.Err() if that ended it; the result is of
// the tokens that were told.
func (q Request) Run(ctx context.Context, target measure.Target, weights export.Source, told func(token int)) (Result, error) {
	g, err := q.Plan()
	if err != nil {
		return Result{}, err
	}
	if err := measure.CheckWorkload(target, g.Workload); err != nil {
		return Result{}, err
	}
	if target.Features().GPU != nil {
		return Result{}, errors.New("generation runs on WebAssembly, not on a GPU")
	}
	m, err := kernels.Compile(g, target.Features())
	if err != nil {
		return Result{}, err
	}
	prepared, err := target.Prepare(m)
	if err != nil {
		return Result{}, err
	}
	defer prepared.Close()
	p, ok := prepared.(Program)
	if !ok {
		return Result{}, errors.New("this engine does not open the memory of its programs")
	}
	d := &decoder{ctx: ctx, graph: g, program: p, bytes: make([]byte, 4*g.Arch.Vocab), logits: make([]float32, g.Arch.Vocab)}
	if err := d.initialise(weights, target.Features().Panel(), q.Seed); err != nil {
		return Result{}, err
	}
	if err := d.setTokens(0, q.Prompt...); err != nil {
		return Result{}, err
	}
	if q.WarmUp {
		if err := measure.WarmUp(ctx, target, p, len(q.Prompt), min(len(q.Prompt), g.Workload.Context-1)); err != nil && !errors.Is(err, measure.ErrClock) {
			return Result{}, err
		}
	}
	return d.generate(q, told)
}

// decoder is a module that generates.
type decoder struct {
	ctx     context.Context
	graph   *graph.Graph
	program Program
	bytes   []byte // of the logits
	logits  []float32
}

// initialise brings the weights into memory.
func (d *decoder) initialise(weights export.Source, panel int, seed uint32) error {
	if weights == nil {
		_, _, err := d.call("init", seed)
		return err
	}
	if err := export.PlaceIn(d, d.graph, weights, panel); err != nil {
		return err
	}
	return d.program.Ready()
}

// WriteAt implements io.WriterAt: it writes into the module's memory until the context
// ends.
func (d *decoder) WriteAt(p []byte, at int64) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	return d.program.WriteAt(p, at)
}

// call calls an export of one argument. It is not timed if the clock was set meanwhile:
// the call was carried out, and only how long it took is not known.
func (d *decoder) call(export string, arg uint32) (ms float64, timed bool, err error) {
	if err := d.ctx.Err(); err != nil {
		return 0, false, err
	}
	ns, err := d.program.Run(measure.Call{Export: export, Arg: arg})
	if errors.Is(err, measure.ErrClock) {
		return 0, false, nil
	}
	return float64(ns) / 1e6, true, err
}

// generate continues the prompt, whose tokens are in memory.
func (d *decoder) generate(q Request, told func(token int)) (r Result, err error) {
	pick := argmax
	if q.Temperature > 0 {
		random := rand.New(rand.NewPCG(uint64(q.Seed), 0))
		pick = func(logits []float32) int { return sample(logits, q.Temperature, random) }
	}
	if r.PrefillMs, _, err = d.call("prefill", uint32(len(q.Prompt))); err != nil {
		return r, err
	}
	for pos := len(q.Prompt); ; pos++ {
		if err := d.readLogits(); err != nil {
			return r, err
		}
		id := pick(d.logits)
		told(id)
		if pos == len(q.Prompt)+q.Tokens-1 {
			return r, nil
		}
		if err := d.setTokens(pos, id); err != nil {
			return r, err
		}
		ms, timed, err := d.call("decode", uint32(pos))
		if err != nil {
			return r, err
		}
		if timed {
			r.DecodeMs += ms
			r.Decoded++
		}
	}
}

// setTokens writes tokens at the position pos and those after it.
func (d *decoder) setTokens(pos int, ids ...int) error {
	var b []byte
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	_, err := d.program.WriteAt(b, d.graph.Tokens.Offset+4*int64(pos))
	return err
}

// readLogits reads the logits of the last position. Weights from a file may be such
// that they are no numbers.
func (d *decoder) readLogits() error {
	if _, err := d.program.ReadAt(d.bytes, d.graph.Logits.Offset); err != nil {
		return err
	}
	for i := range d.logits {
		d.logits[i] = math.Float32frombits(binary.LittleEndian.Uint32(d.bytes[4*i:]))
		if x := float64(d.logits[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return errors.New("the model's logits are not finite: its weights are broken")
		}
	}
	return nil
}

// argmax is the index of the largest, the first among equals.
func argmax(x []float32) (best int) {
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// sample draws an index with probability ∝ exp(logit/temperature).
func sample(logits []float32, temperature float64, r *rand.Rand) int {
	top := float64(logits[argmax(logits)])
	cumulative := make([]float64, len(logits))
	sum := 0.0
	for i, x := range logits {
		sum += math.Exp((float64(x) - top) / temperature)
		cumulative[i] = sum
	}
	u := r.Float64() * sum
	for i, c := range cumulative {
		if u < c {
			return i
		}
	}
	return argmax(logits) // u rounded up to the sum
}
