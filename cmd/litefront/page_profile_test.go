//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// closeUp is a page with an imported study of eight candidates, of which the one with the
// ID is selected. The table may still change its order: where all eight are on the
// frontier it has them before it lists all.
func closeUp(t *testing.T) (s sandbox, p tab, id string) {
	t.Helper()
	pageDist(t)
	s = newSandbox(t)
	s.must(quick("--strategy", "random", "--budget", "8", "--study", "quick.jsonl")...)
	p = openPage(t, s.serving())
	p.bring(s.path("quick.jsonl"), 8)
	p.fill("table-group", "all")
	p.until(`document.querySelectorAll("#frontier [data-arch]").length === 8`)
	id = eval[string](p, `document.querySelector("#frontier tbody tr").dataset.arch`)
	p.clickOn(fmt.Sprintf("#frontier tbody tr[data-arch=%q]", id))
	p.until(fmt.Sprintf(`document.getElementById("details").innerText.includes(%q)`, id))
	return s, p, id
}

// shares reads a table of shares: its rows' names, and what stands in a column of each.
func (p tab) shares(id, row string, column int) (names, values []string) {
	p.t.Helper()
	rows := eval[[][]string](p, fmt.Sprintf(`[...document.querySelectorAll("#%s tbody tr")].map((r) => [r.dataset.%s, r.cells[%d].innerText.trim()])`, id, row, column))
	for _, r := range rows {
		names, values = append(names, r[0]), append(values, r[1])
	}
	return names, values
}

// profiled measures where the time of the selected candidate goes.
func (p tab) profiled() {
	p.t.Helper()
	p.until(`!document.getElementById("profile").disabled`) // what ran before may still be ending
	p.click("profile")
	p.until(`document.querySelectorAll("#profile-prefill tbody tr, #profile-decode tbody tr").length > 10 && !document.getElementById("profile").disabled`)
}

// TestPageProfile looks at where memory and time of a candidate go, and compares that
// with what the command line says.
func TestPageProfile(t *testing.T) {
	s, p, id := closeUp(t)
	for _, r := range s.replay("quick.jsonl").Trials() {
		if r.Arch.ID() != id {
			continue
		}
		config, err := json.Marshal(r.Arch)
		if err != nil {
			t.Fatal(err)
		}
		s.write("chosen.json", string(config))
	}
	line := s.must("measure", "--profile", "--json", "chosen.json", "--prompt", "32", "--context", "48", "--trial-time", "50ms")
	want := events(t, strings.NewReader(line))[0].Profile

	// Memory is there unasked, and exact.
	names, values := p.shares("memory", "part", 1)
	for i, part := range trial.LargestParts(want.Memory) {
		if i >= len(names) || names[i] != part.Name || values[i] != store.Size(part.Bytes) {
			t.Errorf("part %d of the memory is not %+v: %v of %v", i, part, names, values)
		}
	}
	if n := eval[int](p, `document.querySelectorAll("#profile-result table").length`); n != 0 {
		t.Errorf("%d tables of times before any was measured", n)
	}

	p.profiled()
	for id, phase := range map[string]trial.PhaseProfile{"profile-prefill": want.Prefill, "profile-decode": want.Decode} {
		names, shares := p.shares(id, "op", 2)
		var ops []string
		for _, o := range phase.Ops {
			ops = append(ops, o.Name)
		}
		var sum float64
		for _, share := range shares {
			x, err := strconv.ParseFloat(strings.TrimSuffix(share, " %"), 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += x
		}
		if math.Abs(sum-100) > float64(len(shares))/2+0.01 { // each is rounded
			t.Errorf("%s: the shares %v add up to %v", id, shares, sum)
		}
		if slices.Sort(names); !slices.Equal(names, slices.Sorted(slices.Values(ops))) {
			t.Errorf("%s: the operations are %v, want %v", id, names, ops)
		}
	}
	title := eval[string](p, `document.getElementById("profile-decode-title").innerText`)
	if at := fmt.Sprintf("step at %d: ", want.Workload.DecodePos()); !strings.Contains(title, at) {
		t.Errorf("the table of decoding says %q, want %q", title, at)
	}

	// It can be stopped, from the keyboard too, and what was known stays.
	p.click("profile")
	p.until(`document.activeElement.id === "profile-stop"`)
	p.key("\r")
	p.until(`!document.getElementById("profile").disabled && document.activeElement.id === "profile"`)
	if n := eval[int](p, `document.querySelectorAll("#profile-result table").length`); n != 2 {
		t.Errorf("%d tables after the second profile was stopped", n)
	}

	// While a search runs it has the device for itself, and all else waits.
	p.fill("budget", "1000")
	p.click("start")
	p.state("searching")
	p.until(`document.getElementById("profile-note").innerText.includes("Pause the search") && document.getElementById("sustained-help").innerText.includes("Pause the search")`)
	if !eval[bool](p, `document.getElementById("profile").disabled && document.getElementById("sustain").disabled`) {
		t.Error("something else can be measured while a search runs")
	}
	p.click("pause")
	p.state("paused")
	p.profiled()
	p.noComplaints()
}

// TestPageSustained runs two candidates for long.
func TestPageSustained(t *testing.T) {
	_, p, id := closeUp(t)
	label := func(want string) {
		t.Helper()
		p.until(fmt.Sprintf(`document.getElementById("sustain").innerText === %q`, want))
	}
	label("Run")
	for _, row := range []string{"[data-arch=%q]", ":not([data-arch=%q])"} {
		p.clickOn(fmt.Sprintf(`#frontier tbody tr`+row+` .tick`, id))
	}
	label("Run 2 candidates")
	p.fill("sustained-for", "5s")
	p.until(`document.getElementById("sustain").disabled && document.getElementById("sustained-error").innerText.includes("from 10s to 600s")`)

	// One that is stopped tells what it has.
	p.fill("sustained-for", "600s")
	p.click("sustain")
	p.until(`document.querySelectorAll("#sustained .plot-line").length === 2 && document.querySelector("#sustained .plot-line").getAttribute("d").startsWith("M")`)
	p.until(`document.getElementById("sustained-help").innerText.startsWith("Running: ") && document.getElementById("start").disabled`)
	p.click("sustain-stop")
	p.until(`[...document.querySelectorAll("#sustained .verdict-line")].filter((e) => e.innerText.startsWith("After ")).length === 2`)
	early := eval[string](p, `document.querySelector("#sustained .verdict-line").innerText`)
	if !strings.Contains(early, "too early to tell") && !strings.Contains(early, "s it runs at ") { // on a busy machine it is late
		t.Errorf("the verdict on a run that was stopped is %q", early)
	}

	p.fill("sustained-for", "30s")
	p.profiled()
	p.click("sustain")
	// Until then the verdicts are those of the first run.
	p.until(`document.getElementById("sustained-help").innerText.startsWith("Running: ") && !document.getElementById("sustain-stop").hidden`)
	p.until(`document.getElementById("sustain-stop").hidden`)
	p.until(`document.querySelector("#sustained .verdict-line")?.innerText?.includes("s it runs at ")`)
	verdicts := eval[map[string]string](p, `Object.fromEntries([...document.querySelectorAll("#sustained .lasting")].map((e) => [e.dataset.sustained, e.querySelector(".verdict-line").innerText]))`)
	if _, ok := verdicts[id]; !ok || len(verdicts) != 2 {
		t.Errorf("the verdicts are %q", verdicts)
	}
	for id, verdict := range verdicts {
		var seconds, share, low, high, machine float64
		if _, err := fmt.Sscanf(verdict, "After %f s it runs at %f of its first speed [%f, %f]; the machine itself at %f [", &seconds, &share, &low, &high, &machine); err != nil ||
			!(seconds >= 30 && low <= share && share <= high && low > 0.01 && high < 100 && machine > 0.01 && machine < 100) {
			t.Errorf("the verdict on %s is %q, %v", id, verdict, err)
		}
	}
	for _, line := range []string{"plot-line", "plot-machine"} {
		d := eval[string](p, fmt.Sprintf(`document.querySelector("#sustained .%s").getAttribute("d")`, line))
		if n := strings.Count(d, "L"); n < 20 || strings.ContainsAny(d, "NI") {
			t.Errorf("%s is drawn as %q", line, d)
		}
	}
	p.noComplaints()
	eval[bool](p, `document.getElementById("details").scrollTop = document.getElementById("profile-title").offsetTop, true`)
	p.screenshot("page-profile.png", "sustained-title", 1440, 900)
}
