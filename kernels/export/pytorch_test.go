package export_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"litefront/kernels/export"
)

// python finds an interpreter that has torch.
func python(t testing.TB) string {
	t.Helper()
	if os.Getenv("LITEFRONT_LONG") == "" {
		t.Skip("importing torch takes seconds: set LITEFRONT_LONG")
	}
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import torch").Run() == nil {
			return name
		}
	}
	t.Skip("no python3 has torch (Debian's python3-torch)")
	return ""
}

// check is a program beside model.py. It prints the logits after each chunk, each
// over what is past, then trains for three steps on other tokens, the first of
// which changes every parameter, saves, and prints the losses and the new logits of
// all chunks at once.
const check = `
import json, sys
import torch
import model as m

net, (chunks, lesson) = m.load("."), json.loads(sys.argv[1])
logits, past = [], None
with torch.no_grad():
    for chunk in chunks:
        y, past = net(torch.tensor([chunk]), past)
        logits.append(y[0, -1].tolist())

optimizer = torch.optim.SGD(net.parameters(), lr=0.002)
losses = []
for _ in range(3):
    before = {name: p.clone() for name, p in net.named_parameters()}
    optimizer.zero_grad()
    loss = net.loss(torch.tensor([lesson]))
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if len(losses) == 1:
        same = [name for name, p in net.named_parameters() if torch.equal(p, before[name])]
        assert not same, f"a step left {same}"
m.save(net, "trained.safetensors")
with torch.no_grad():
    trained = net(torch.tensor([sum(chunks, [])]))[0][0, -1].tolist()
print(json.dumps({"logits": logits, "losses": losses, "trained": trained}))
`

// TestPyTorch compares the module with model.py in PyTorch, then trains there and
// brings the weights back into the module.
func TestPyTorch(t *testing.T) {
	interpreter := python(t)
	r := rand.New(rand.NewPCG(8, 8))
	for i, a := range draw(t, 10) {
		t.Run(fmt.Sprintf("%02d %v", i, a), func(t *testing.T) {
			dir := t.TempDir()
			config, _, err := export.Config(a)
			if err != nil {
				t.Fatal(err)
			}
			g := build(t, a)
			tensors, weights := throughFile(t, g)
			for name, data := range map[string][]byte{"config.json": config, "model.safetensors": tensors,
				"model.py": export.PyTorch(), "check.py": []byte(check)} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c := chunks(r, a.Vocab)
			lesson := []int{0}
			for _, cluster := range a.Clusters() { // each has a part in the loss
				lesson = append(lesson, cluster.End-1, cluster.Start, cluster.End-1)
			}
			input, err := json.Marshal([]any{c, lesson})
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(interpreter, "check.py", string(input))
			cmd.Dir = dir
			output, err := cmd.Output()
			if err != nil {
				if exit, ok := err.(*exec.ExitError); ok {
					t.Fatalf("%v\n%s", err, exit.Stderr)
				}
				t.Fatal(err)
			}
			var result struct {
				Logits  [][]float32
				Losses  []float64
				Trained []float32
			}
			if err := json.Unmarshal(output, &result); err != nil {
				t.Fatal(err)
			}
			p := run(t, g)
			p.place(weights)
			compare(t, result.Logits, p.logits(c), 1e-4)
			if result.Losses[2] >= result.Losses[0] {
				t.Errorf("the loss went %v", result.Losses)
			}

			trained, err := os.ReadFile(filepath.Join(dir, "trained.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			weights, err = export.ReadSafetensors(bytes.NewReader(trained), a)
			if err != nil {
				t.Fatal(err)
			}
			p.place(weights)
			after := p.logits(c)
			compare(t, after[len(after)-1:], [][]float32{result.Trained}, 1e-4)
		})
	}
}
