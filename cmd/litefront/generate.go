package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/spf13/cobra"

	"litefront/host/runtime"
	"litefront/kernels"
	"litefront/kernels/export"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// generation is what the command generate prints.
type generation struct {
	ID        string  `json:"id"` // of the architecture
	Prompt    []int   `json:"prompt"`
	Tokens    []int   `json:"tokens"`
	PrefillMs float64 `json:"prefill_ms"`
	// MsPerToken is the mean over the tokens after the first, which the prefill
	// gives; 0 if there are none.
	MsPerToken float64 `json:"ms_per_token"`
}

// generateCommand runs the module of an architecture.
func generateCommand() *cobra.Command {
	var prompt []int
	var tokens int
	var temperature float64
	var weights string
	var seed uint32
	var asJSON bool
	precision := trial.DefaultWorkload().Precision
	cmd := &cobra.Command{
		Use:   "generate FILE --prompt-ids 1,2,3",
		Short: "Continue a prompt of token ids with the module of a configuration file",
		Args:  files(1),
	}
	f := cmd.Flags()
	f.IntSliceVar(&prompt, "prompt-ids", nil, "token ids of the prompt, separated by commas")
	f.IntVar(&tokens, "tokens", 16, "tokens to generate")
	f.Float64Var(&temperature, "temperature", 0, "temperature to sample at; 0 takes the likeliest token")
	f.StringVar(&weights, "weights", "", "safetensors file with the weights; without one they are random")
	f.Uint32Var(&seed, "seed", 1, "seed of random weights, and of sampling")
	addPrecisionFlag(cmd, &precision)
	f.BoolVar(&asJSON, "json", false, "print JSON")
	if err := cmd.MarkFlagRequired("prompt-ids"); err != nil {
		panic(err) // only for a flag that does not exist
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := readArch(cmd, args[0])
		if err != nil {
			return err
		}
		workload, err := generating(a, prompt, tokens)
		if err != nil {
			return err
		}
		workload.Precision = precision
		if !(temperature >= 0) || math.IsInf(temperature, 1) {
			return fmt.Errorf("temperature %v must be 0 or above", temperature)
		}
		g, err := graph.Build(a, workload)
		if err != nil {
			return err
		}
		e, err := runtime.NewEngine("")
		if err != nil {
			return err
		}
		defer e.Close()
		d, err := newDecoder(e, g, weights, seed)
		if err != nil {
			return err
		}
		pick := func(logits []float32) int { return argmax(logits) }
		if temperature > 0 {
			r := rand.New(rand.NewPCG(uint64(seed), 0))
			pick = func(logits []float32) int { return sample(logits, temperature, r) }
		}
		out, err := d.generate(prompt, tokens, pick)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(out)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\nprefill of %d tokens %.3g ms; %.3g ms/token\n",
			strings.Trim(strings.ReplaceAll(fmt.Sprint(out.Tokens), " ", ","), "[]"), len(prompt), out.PrefillMs, out.MsPerToken)
		return err
	}
	return cmd
}

// generating is the workload of a prompt and so many tokens after it.
func generating(a arch.Architecture, prompt []int, tokens int) (trial.Workload, error) {
	positions, limit := trial.MaxContext, "the limit"
	if a.Backbone == arch.GPT2 {
		positions, limit = a.MaxLen, "max_sequence_length"
	}
	// The last token generated takes no position: nothing comes after it.
	switch {
	case len(prompt) < 1 || len(prompt) > positions:
		return trial.Workload{}, fmt.Errorf("prompt-ids has %d tokens, must be 1 to %s %d", len(prompt), limit, positions)
	case tokens < 1 || tokens > positions-len(prompt)+1:
		return trial.Workload{}, fmt.Errorf("tokens %d must be 1 to %d: with a prompt of %d they reach %s %d",
			tokens, positions-len(prompt)+1, len(prompt), limit, positions)
	}
	for _, id := range prompt {
		if id < 0 || id >= a.Vocab {
			return trial.Workload{}, fmt.Errorf("prompt-ids: token %d must be 0 to %d", id, a.Vocab-1)
		}
	}
	w := trial.DefaultWorkload()
	w.PromptLen, w.Context = len(prompt), len(prompt)+tokens-1
	return w, nil
}

// decoder is a module with its weights in place.
type decoder struct {
	g      *graph.Graph
	module *runtime.Instance
	memory []byte
}

func newDecoder(e *runtime.Engine, g *graph.Graph, weights string, seed uint32) (*decoder, error) {
	m, err := kernels.Compile(g, e.Features())
	if err != nil {
		return nil, err
	}
	module, err := e.Instantiate(m)
	if err != nil {
		return nil, err
	}
	d := &decoder{g, module, module.Memory()}
	if weights == "" {
		_, err = module.Call("init", seed)
		return d, err
	}
	w, err := readWeights(weights, g, seed)
	if err != nil {
		return nil, err
	}
	image, offset, err := export.Place(g, w, e.Features().Panel())
	if err != nil {
		return nil, err
	}
	copy(d.memory[offset:], image)
	_, err = module.Call("ready")
	return d, err
}

// generate continues the prompt by n tokens, each picked from the logits.
func (d *decoder) generate(prompt []int, n int, pick func(logits []float32) int) (generation, error) {
	out := generation{ID: d.g.Arch.ID(), Prompt: prompt}
	for pos, id := range prompt {
		d.setToken(pos, id)
	}
	ns, err := d.module.Call("prefill", uint32(len(prompt)))
	if err != nil {
		return out, err
	}
	out.PrefillMs = float64(ns) / 1e6
	for pos := len(prompt); ; pos++ {
		logits, err := d.logits()
		if err != nil {
			return out, err
		}
		id := pick(logits)
		out.Tokens = append(out.Tokens, id)
		if len(out.Tokens) == n {
			break
		}
		d.setToken(pos, id)
		ns, err := d.module.Call("decode", uint32(pos))
		if err != nil {
			return out, err
		}
		out.MsPerToken += float64(ns) / 1e6 / float64(n-1)
	}
	return out, nil
}

func (d *decoder) setToken(pos, id int) {
	binary.LittleEndian.PutUint32(d.memory[d.g.Tokens.Offset+4*int64(pos):], uint32(id))
}

// logits reads the logits of the last position. Weights from a file may be such
// that they are no numbers.
func (d *decoder) logits() ([]float32, error) {
	logits := make([]float32, d.g.Arch.Vocab)
	at := d.memory[d.g.Logits.Offset:]
	for i := range logits {
		logits[i] = math.Float32frombits(binary.LittleEndian.Uint32(at[4*i:]))
		if x := float64(logits[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, errors.New("the model's logits are not finite: its weights are broken")
		}
	}
	return logits, nil
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
