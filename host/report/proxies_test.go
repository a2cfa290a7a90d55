package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"litefront/host/report"
	"litefront/searchcore/proxy"
	"litefront/searchcore/proxy/judge"
)

// trained reads one of the tables of trained models.
func trained(t *testing.T, name string) []judge.Set {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "searchcore", "arch", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var table judge.Table
	if err := table.Add(f); err != nil {
		t.Fatal(err)
	}
	return table.Sets
}

func TestProxiesTable(t *testing.T) {
	sets := trained(t, "lts_pareto_lm1b.csv")
	results, err := judge.Evaluate(sets, proxy.All(), 50, 1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.Proxies(&b, sets, results); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"pareto_GPT2_lm1b_titanxp (LM1B): 38 models; rows left out because they have no perplexity: 1\n" +
			"shapes: all are like those that the proxies were validated on\n",
		"best 30 % (12)", "within 10 % (52)", "\ndecoder_params  0.994 [",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	// Three tables a set, each with every proxy.
	for _, p := range proxy.All() {
		if n := strings.Count(text, "\n"+p.Name+" "); n != 3*len(sets) {
			t.Errorf("%s has %d rows, want %d", p.Name, n, 3*len(sets))
		}
	}
	// A gain is marked if and only if its interval includes zero.
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "d_model ") && strings.Contains(line, "-0.992 [") && strings.HasSuffix(line, "~\n") {
			t.Errorf("a clear loss is marked as chance: %s", line)
		}
		if strings.HasPrefix(line, "decoder_params ") && strings.Contains(line, "+0.000") && !strings.HasSuffix(line, "~\n") {
			t.Errorf("no gain at all is not marked: %s", line)
		}
		if strings.TrimRight(line, " \n")+"\n" != line && line != "\n" {
			t.Errorf("blanks at the end of %q", line)
		}
	}
	if err := report.Proxies(brokenPipe{}, sets, results); !errors.Is(err, errPipe) {
		t.Errorf("a writer's error is %v", err)
	}
}

func TestProxiesTellUnknownShapes(t *testing.T) {
	sets := trained(t, "lts_pareto_lm1b.csv")[:1]
	deep := &sets[0].Models[3].Arch
	for len(deep.Layers) < 32 {
		deep.Layers = append(deep.Layers, deep.Layers[0])
	}
	var b bytes.Buffer
	if err := report.Proxies(&b, sets, nil); err != nil {
		t.Fatal(err)
	}
	if want := "shapes: 1 of 38 are unlike any that the proxies were validated on; most of all model M4: n_layer 32 (validated "; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
}

func TestProxiesPlot(t *testing.T) {
	sets := trained(t, "lts_random_wt103.csv")
	var b bytes.Buffer
	if err := report.ProxiesSVG(&b, sets); err != nil {
		t.Fatal(err)
	}
	texts, paths := map[string]bool{}, 0
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.CharData:
			texts[strings.TrimSpace(string(token))] = true
		case xml.StartElement:
			if token.Name.Local == "path" {
				paths++
			}
		}
	}
	for _, want := range []string{"decoder parameters (proxy)", "quality (proxy)", "perplexity", "40", "1.00M", sets[0].Name, sets[1].Name} {
		if !texts[want] {
			t.Errorf("no text %q in the plot, which has %v", want, texts)
		}
	}
	if paths < 2*400 {
		t.Errorf("%d shapes, want a point for each of 400 models in both panels", paths)
	}
	// One point, at which both axes have no extent.
	if err := report.ProxiesSVG(&b, []judge.Set{{Name: "one", Models: sets[0].Models[:1]}}); err != nil {
		t.Error(err)
	}
}
