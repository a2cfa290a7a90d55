//go:build !wasm

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/proxy"
	"litefront/searchcore/proxy/judge"
)

// page writes what was found, with what cannot be.
func page(w io.Writer, r *results, c correlations, verdicts []verdict) error {
	var b strings.Builder
	b.WriteString(`# LiteTransformerSearch, reproduced

The paper (Javaheripi et al., NeurIPS 2022) makes two claims: the number of decoder parameters ranks Transformers by perplexity without training any, and a search that maximises it while minimising latency and memory finds models that are as good as hand-made ones at up to 1.5 (GPT-2) and 2.5 times (Transformer-XL) lower latency and 1.2 and 2.0 times lower peak memory. This page holds both against what can be had here. ` + "`make reproduce`" + ` measures and writes it; ` + "`go run ./bench/reproduce -from bench/results/reproduce.json`" + ` writes it again from the numbers.

## Do decoder parameters rank models?

Over the models that the authors trained and published, Spearman's correlation with perplexity, with 95 % intervals over resamples of the models; [quality.md](quality.md) has more.

| set | models | decoder parameters | total parameters | decoder parameters, best 30 % | quality, best 30 % |
| --- | --- | --- | --- | --- | --- |
`)
	for _, s := range c.sets {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", s.Name, len(s.Models),
			c.value(s.Name, "decoder_params", "spearman"), c.value(s.Name, "total_params", "spearman"),
			c.value(s.Name, "decoder_params", judge.Top30), c.value(s.Name, "quality", judge.Top30))
	}
	b.WriteString(`
The first claim holds overall, and least where the choice is made. Nothing is trained here: these are the authors' perplexities.

## How much better than the baselines?

Each baseline is compared with the model of the paper's space that is best in one objective and has at least as many decoder parameters. The spaces are ` + "`lts-gpt2` and `lts-transformer-xl`" + ` with the cap on decoder parameters lifted to 140M, which the deeper GPT-2 baselines exceed, and the floor lowered to 3M, below the shallowest Transformer-XL. `)
	fmt.Fprintf(&b, "A cost model is fitted to %d designed candidates on each engine, and the exact frontier under it names the models; what the tables show is measured. ", r.Train)
	fmt.Fprintf(&b, "Both models run side by side, in turn, for %d rounds of each comparison; a ratio is the median over the rounds, baseline over model, with its 95 %% interval. Above 1 the model is better. Prompts have %d tokens and %d are decoded; decoding includes the whole vocabulary; a response is both.\n\n",
		r.Rounds, workload.PromptLen, workload.Context-workload.PromptLen)
	b.WriteString(`In parentheses stands the ratio of the multiply-adds: the bound that equal decoder parameters impose on an engine that is as fast in every shape. Decoder parameters *are* the multiply-adds of a token in the layers, so prefill cannot be much quicker at equal decoder parameters, on any device. What is left to gain is the vocabulary, which a narrower model has a smaller matrix for: a lot in decoding and memory while the decoder is small, less as it grows.

Baselines: GPT-2 has d_model 1024, d_inner 2048 and 16 heads (the paper says 12, which do not divide 1024; the parameters are the same), Transformer-XL d_model 512, d_inner 2048 and 8 heads; embeddings and vocabularies are the spaces'.
`)
	for _, f := range r.Families {
		if err := f.write(&b); err != nil {
			return err
		}
	}
	b.WriteString("\n## Goals\n\nOf GPT-2, by the worst of the baselines in question.\n\n| | goal |\n| --- | --- |\n")
	for _, v := range verdicts {
		fmt.Fprintf(&b, "| %s | %v |\n", v.word(), v)
	}
	b.WriteString(`
## What cannot be had

- **The paper's ratios.** They compare models of equal *perplexity*, trained for it, with a baseline of 16 layers. Here nothing is trained, and models of equal decoder parameters are compared. The devices differ too: an ARM Cortex-A72, a Core i7 and a TITAN Xp there, WebAssembly on the machine at hand here.
- **A quicker prefill at equal decoder parameters.** The multiply-adds are the same. Where the paper's prefill is quicker at equal perplexity, a smaller decoder must be as good as the baseline's, which only training tells.
- **The paper's peak memory.** It is a sum of allocations there; here it is the whole linear memory of the module.
- **Models that are as good.** The solver goes to the corners of the space, where decoder parameters are cheapest: narrow streams, wide feed-forward blocks, few heads. The last column of the models below says how much ` + "`quality`" + ` ([quality.md](quality.md)) they have, as a share of the baseline's. Below 1, a gain was bought with quality that decoder parameters do not see; ` + "`--objective quality,...`" + ` searches without that.
`)
	b.WriteString("\n## The models\n")
	for _, f := range r.Families {
		if err := f.models(&b); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// write writes a table of ratios for each engine.
func (f family) write(b *strings.Builder) error {
	base, err := familyOf(f.Backbone)
	if err != nil {
		return err
	}
	for _, e := range f.Engines {
		fmt.Fprintf(b, "\n### %s, %s\n\n%s.\n\n", base.title, e.Name, strings.TrimSuffix(e.Title, "."))
		b.WriteString("| layers | decoder parameters | prefill | decode | response | peak memory |\n| --- | --- | --- | --- | --- | --- |\n")
		for _, p := range f.Peak {
			a, err := base.model(p.Layers)
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "| %d | %.1fM ", p.Layers, float64(a.DecoderParams())/1e6)
			for _, objective := range []string{prefill, decode, response} {
				text, err := e.cell(a, p.Layers, objective)
				if err != nil {
					return err
				}
				fmt.Fprintf(b, "| %s ", text)
			}
			fmt.Fprintf(b, "| %.2f× |\n", p.Ratio.Value)
		}
	}
	return nil
}

// cell is a ratio with its interval, and that of the multiply-adds.
func (e engine) cell(base arch.Architecture, layers int, objective string) (string, error) {
	for _, p := range e.Pairs {
		if p.Layers != layers || p.Objective != objective {
			continue
		}
		var n [2]float64
		for i, a := range []arch.Architecture{base, p.Model} {
			g, err := graph.Build(a, workload)
			if err != nil {
				return "", err
			}
			n[i] = float64(multiplyAdds(g, objective))
		}
		return fmt.Sprintf("**%.2f×** [%.2f, %.2f] (%.2f×)", p.Ratio.Value, p.Ratio.Low, p.Ratio.High, n[0]/n[1]), nil
	}
	return "-", nil
}

// models lists those that the baselines were compared with.
func (f family) models(b *strings.Builder) error {
	base, err := familyOf(f.Backbone)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\n### %s\n\n| best in | under | baseline's layers | model | decoder parameters | quality over the baseline's |\n| --- | --- | --- | --- | --- | --- |\n", base.title)
	for _, e := range append([]engine{{Name: "any engine", Pairs: f.Peak}}, f.Engines...) {
		for _, p := range e.Pairs {
			a, err := base.model(p.Layers)
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "| %s | %s | %d | %s | %.1fM | %.2f |\n", p.Objective, e.Name, p.Layers, shape(p.Model),
				float64(p.Model.DecoderParams())/1e6, proxy.Quality(p.Model)/proxy.Quality(a))
		}
	}
	return nil
}

// shape is a in words, the layers' dimensions as ranges.
func shape(a arch.Architecture) string {
	span := func(of func(arch.Layer) int) string {
		var all []int
		for _, l := range a.Layers {
			all = append(all, of(l))
		}
		least, most := slices.Min(all), slices.Max(all)
		if least == most {
			return strconv.Itoa(least)
		}
		return fmt.Sprintf("%d to %d", least, most)
	}
	return fmt.Sprintf("%d layers, d_model %d, d_inner %s, %s heads", len(a.Layers), a.DModel,
		span(func(l arch.Layer) int { return l.DInner }), span(func(l arch.Layer) int { return l.Heads }))
}
