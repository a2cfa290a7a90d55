//go:build !wasm

// Command peers times our modules beside ONNX Runtime on the same models, which
// export writes for it: under wazero beside onnxruntime-node, and in headless
// Chromium beside onnxruntime-web; and beside themselves in int8 and on two threads.
// All is interleaved in one run for each model. It prints a table with a verdict per
// goal and writes bench/results/peers.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/chromedp/chromedp"

	"litefront/bench/chromium"
	"litefront/bench/contest"
	"litefront/bench/programs"
	"litefront/host/runtime"
	"litefront/kernels/export"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

const dir = "bench/peers"

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 9, "rounds; each runs everything once")
	out := flag.String("out", filepath.Join("bench", "results", "peers.json"), "where to write the results")
	flag.Parse()
	if err := run(*rounds, *out); err != nil {
		log.Fatal("bench: ", err)
	}
}

type results struct {
	Code    string         `json:"code"`
	Device  trial.Device   `json:"device"`
	Browser string         `json:"browser"`
	Rounds  int            `json:"rounds"`
	Models  []modelResults `json:"models"`
	Goals   []goalResult   `json:"goals"`
}

// run times one model after the other, each with engines of its own.
func run(rounds int, out string) error {
	device, err := thisDevice()
	if err != nil {
		return err
	}
	models, err := allModels()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "litefront-peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	server := httptest.NewServer(isolated(temp))
	defer server.Close()

	r := results{Code: runtime.CodeVersion(), Device: device, Rounds: rounds}
	for _, m := range models {
		fmt.Printf("%s\n", m)
		all, err := m.compete(server.URL, filepath.Join(temp, "model.onnx"), rounds, &r.Browser)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		r.Models = append(r.Models, all.results(m))
		all.print()
		for _, g := range goals {
			if g.model == "" || g.model == m.name {
				r.Goals = append(r.Goals, g.judge(m.name, all))
			}
		}
		fmt.Println()
	}
	fmt.Printf("%s, %s\n%s\nonnxruntime of %s/package.json; %d rounds interleaved, medians\n\n", r.Device.CPU, r.Device.Engine, r.Browser, dir, rounds)
	for _, g := range r.Goals {
		g.print()
	}
	return contest.Write(out, r)
}

// thisDevice describes this machine.
func thisDevice() (trial.Device, error) {
	e, err := runtime.NewEngine("")
	if err != nil {
		return trial.Device{}, err
	}
	return e.Device(), e.Close()
}

// isolated serves the page, ONNX Runtime and the model such that the page may
// use threads and the fine clock.
func isolated(models string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	for _, script := range []string{"/engine.js", "/thread.js"} {
		mux.Handle(script, http.FileServer(http.Dir(filepath.Join("ui", "static"))))
	}
	mux.Handle("/ort/", http.StripPrefix("/ort/", http.FileServer(http.Dir(filepath.Join(dir, "node_modules", "onnxruntime-web", "dist")))))
	mux.Handle("/models/", http.StripPrefix("/models/", http.FileServer(http.Dir(models))))
	return chromium.Isolated(mux)
}

// compete times m in all engines, which it starts and ends.
func (m model) compete(url, onnx string, rounds int, browser *string) (field, error) {
	if err := m.writeONNX(onnx); err != nil {
		return nil, err
	}
	native, err := runtime.NewEngine("")
	if err != nil {
		return nil, err
	}
	defer native.Close()
	tab, end, err := chromium.Open(url + "/engine.html")
	if err != nil {
		return nil, err
	}
	defer end()
	if *browser, err = chromedp.Run(tab, chromedp.Evaluate[string]("navigator.userAgent")); err != nil {
		return nil, err
	}
	web1, close1, err := newPage(tab, url, 1)
	if err != nil {
		return nil, err
	}
	defer close1()
	web2, close2, err := newPage(tab, url, 2)
	if err != nil {
		return nil, err
	}
	defer close2()
	node, err := startNode(onnx)
	if err != nil {
		return nil, err
	}
	defer node.close()

	f, err := m.ours(native, web{tab})
	if err != nil {
		return nil, err
	}
	for _, e := range []struct {
		name string
		peer peer
	}{
		{ortNode, node}, {ortWeb, web1}, {ortWeb2, web2},
	} {
		entry := entry{name: e.name}
		for _, c := range []struct {
			to   **contest.Contestant
			name string
			work work
		}{
			{&entry.prefill, "prefill", work{Tokens: m.tokens}},
			{&entry.decode, "decode", work{Tokens: 1, Past: m.tokens}},
			{&entry.step, "decode, keys and values fetched", work{Tokens: 1, Past: m.tokens, FetchPresent: true}},
		} {
			if *c.to, err = enter(e.peer, e.name+" "+c.name, c.work); err != nil {
				return nil, err
			}
		}
		f = append(f, entry)
	}
	return f, contest.Run(f.contestants(), rounds)
}

// writeONNX exports m with the weights of a seed.
func (m model) writeONNX(path string) error {
	g, err := graph.Build(m.arch, programs.Workload(m.arch, m.tokens))
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := export.WriteONNX(f, g, export.Seeded(g, 1)); err != nil {
		return err
	}
	return f.Close()
}

// newPage opens another tab, in which onnxruntime-web has loaded the model.
func newPage(tab context.Context, url string, threads int) (peer, context.CancelFunc, error) {
	page, end := chromedp.NewContext(tab)
	err := chromedp.Do(page, chromedp.Navigate(url+"/page.html"))
	if err == nil {
		_, err = chromedp.Run(page, chromedp.Poll[bool]("globalThis.ready"))
	}
	p := web{page}
	isolated := false
	if err == nil {
		isolated, err = evaluate[bool](p, "load(%q, %d)", url+"/models/model.onnx", threads)
	}
	if err == nil && !isolated {
		err = fmt.Errorf("the page is not cross-origin isolated: it has no threads")
	}
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("onnxruntime-web: %w", err)
	}
	return p, end, nil
}
