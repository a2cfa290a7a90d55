package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"litefront/kernels"
	"litefront/kernels/generate"
	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Worker does jobs on a target, one at a time, within limits of its own. It is not
// safe for concurrent use.
type Worker struct {
	Target      measure.Target
	Code        string        // version of this program
	MemoryLimit int64         // bytes of linear memory that a module may need at most
	Budget      time.Duration // most time to spend on a job

	local   *measure.LocalMeasurer
	options measure.Options // of local
}

// Do measures j, and computes its [Checksum]. An error wraps ctx.Err() if that ended
// it, and measure.ErrDevice if the device is at fault; another one is the job's.
func (w *Worker) Do(ctx context.Context, j Job) (m trial.Measurement, logits string, err error) {
	if j.Code != w.Code {
		return m, "", fmt.Errorf("job: code %.40q is not this program's %q", j.Code, w.Code)
	}
	o := j.Options()
	o.MemoryLimit, o.Budget = min(o.MemoryLimit, w.MemoryLimit), min(o.Budget, w.Budget)
	if w.local == nil || w.options != o {
		local, err := measure.Local(w.Target, o)
		if err != nil {
			return m, "", err
		}
		w.Close()
		w.local, w.options = local, o
	}
	t := trial.Trial{Number: j.Number, Token: j.Token, Proposal: trial.Proposal{Arch: j.Arch, Origin: trial.Origin{Op: "job"}}}
	m, err = w.local.Measure(ctx, t, j.Workload)
	if errors.Is(err, measure.ErrClock) { // once: a clock that is set all the time measures nothing
		m, err = w.local.Measure(ctx, t, j.Workload)
	}
	if err != nil {
		return m, "", err
	}
	logits, err = Checksum(w.Target, j.Arch, j.Workload, w.Target.Features())
	return m, logits, err
}

// Close frees what the worker keeps on its target. It stays usable.
func (w *Worker) Close() {
	if w.local != nil {
		w.local.Close()
	}
}

// Seed is what the weights are drawn from whose logits are compared.
const Seed = 7

// Checksum is the SHA-256, in hexadecimal digits, of the logits that a module compiled
// for features computes on target, for fixed weights and the prompt 0, 1, 2, … of the
// workload's length: the same bits on every engine, unless it has relaxed SIMD, or is a
// GPU. Then, and where the engine does not open the memory of its programs, it is empty.
func Checksum(target measure.Target, a arch.Architecture, w trial.Workload, f kernels.Features) (string, error) {
	if f.RelaxedSIMD || f.RelaxedDot || f.GPU != nil {
		return "", nil
	}
	g, err := graph.Build(a, w)
	if err != nil {
		return "", err
	}
	m, err := kernels.Compile(g, f)
	if err != nil {
		return "", err
	}
	prepared, err := target.Prepare(m)
	if err != nil {
		return "", err
	}
	defer prepared.Close()
	p, ok := prepared.(generate.Program)
	if !ok {
		return "", nil
	}
	run := func(export string, arg uint32) error {
		_, err := p.Run(measure.Call{Export: export, Arg: arg})
		if errors.Is(err, measure.ErrClock) { // it ran all the same
			return nil
		}
		return err
	}
	if err := run("init", Seed); err != nil {
		return "", err
	}
	var tokens []byte
	for i := range w.PromptLen {
		tokens = binary.LittleEndian.AppendUint32(tokens, uint32(i%a.Vocab))
	}
	if _, err := p.WriteAt(tokens, g.Tokens.Offset); err != nil {
		return "", err
	}
	if err := run("prefill", uint32(w.PromptLen)); err != nil {
		return "", err
	}
	logits := make([]byte, 4*a.Vocab)
	if _, err := p.ReadAt(logits, g.Logits.Offset); err != nil {
		return "", err
	}
	sum := sha256.Sum256(logits)
	return hex.EncodeToString(sum[:]), nil
}
