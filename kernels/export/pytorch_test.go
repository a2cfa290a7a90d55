package export_test

import (
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
// over what is past, then trains for three steps, saves, and prints the logits of
// all chunks at once after each loss has fallen.
const check = `
import json, sys
import torch
import model as m

net, chunks = m.load("."), json.loads(sys.argv[1])
logits, past = [], None
with torch.no_grad():
    for chunk in chunks:
        y, past = net(torch.tensor([chunk]), past)
        logits.append(y[0, -1].tolist())

ids = torch.tensor([sum(chunks, [])])
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
losses = []
for _ in range(3):
    optimizer.zero_grad()
    loss = net.loss(ids)
    loss.backward()
    assert all(p.grad is not None for p in net.parameters())
    optimizer.step()
    losses.append(loss.item())
m.save(net, "trained.safetensors")
with torch.no_grad():
    trained = net(ids)[0][0, -1].tolist()
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
			tensors, err := os.Create(filepath.Join(dir, "model.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer tensors.Close()
			if err := export.WriteSafetensors(tensors, a, export.Seeded(g, seed)); err != nil {
				t.Fatal(err)
			}
			for name, data := range map[string][]byte{"config.json": config, "model.py": export.PyTorch(), "check.py": []byte(check)} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c := chunks(r, a.Vocab)
			input, err := json.Marshal(c)
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
			p.call("init", seed)
			compare(t, result.Logits, p.logits(c), 1e-4)
			if a.Vocab > 1 && result.Losses[2] >= result.Losses[0] {
				t.Errorf("the loss went %v", result.Losses)
			}

			trained, err := os.Open(filepath.Join(dir, "trained.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer trained.Close()
			weights, err := export.ReadSafetensors(trained, a)
			if err != nil {
				t.Fatal(err)
			}
			image, offset, err := export.Place(g, weights)
			if err != nil {
				t.Fatal(err)
			}
			p.mod.Memory().Write(uint32(offset), image)
			after := p.logits(c)
			compare(t, after[len(after)-1:], [][]float32{result.Trained}, 1e-4)
		})
	}
}
