package cost

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// relative is a device like laptop, of which each term takes up to so many times as
// long or as short, and all are as much slower.
func relative(r *rand.Rand, spread, slower float64) device {
	d := laptop
	for i := range d.perUnit {
		d.perUnit[i] *= slower * math.Exp(math.Log(spread)*(2*r.Float64()-1))
	}
	return d
}

// knownDevices are models of made-up devices, each fitted to 40 architectures.
func knownDevices(t testing.TB, sp space.Space, n int, spread, noise float64, r *rand.Rand) (known []trial.DeviceModel) {
	t.Helper()
	for range n {
		d := relative(r, spread, 0.2+5*r.Float64())
		d.noise = noise
		var list []arch.Architecture
		for range 40 {
			list = append(list, draw(t, sp, r))
		}
		m, err := Fit(d.observe(t, list, trial.DefaultWorkload(), r))
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, m.Known())
	}
	return known
}

// errorOf is the mean relative error for fresh architectures, of both passes.
func errorOf(t testing.TB, m *Model, d device, sp space.Space, r *rand.Rand) (mean float64) {
	t.Helper()
	d.noise, d.drift, d.astray = 0, 0, 0
	const fresh = 40
	for range fresh {
		a := draw(t, sp, r)
		got := d.measure(t, a, m.Workload, rand.New(rand.NewPCG(0, 0)))
		prefill, decode, err := m.Predict(a)
		if err != nil {
			t.Fatal(err)
		}
		mean += (math.Abs(prefill.Ms/got.Prefill.MinMs-1) + math.Abs(decode.Ms/got.Decode.MinMs-1)) / 2 / fresh
	}
	return mean
}

// A device that others resemble is known better than from nothing after the same eight
// noisy measurements, and about as well after six of them.
func TestTransferNeedsFewer(t *testing.T) {
	for _, name := range []string{"lts-gpt2", "lts-transformer-xl"} {
		sp, w := preset(t, name), trial.DefaultWorkload()
		var six, same, eight float64
		const devices = 16
		for seed := range uint64(devices) {
			r := rand.New(rand.NewPCG(seed, 11))
			known := knownDevices(t, sp, 3, 1.5, 0.05, r)
			d := relative(r, 1.5, 0.2+5*r.Float64())
			d.noise = 0.05
			var list []arch.Architecture
			for range 8 {
				list = append(list, draw(t, sp, r))
			}
			observations := d.observe(t, list, w, r)
			for _, c := range []struct {
				known []trial.DeviceModel
				n     int
				sum   *float64
			}{{known, 6, &six}, {known, 8, &same}, {nil, 8, &eight}} {
				m, err := FitFrom(c.known, observations[:c.n])
				if err != nil {
					t.Fatal(err)
				}
				*c.sum += errorOf(t, m, d, sp, r) / devices
			}
		}
		said := fmt.Sprintf("%s: mean error from known devices %.4f after 6 and %.4f after 8; from nothing %.4f after 8", name, six, same, eight)
		t.Log(said)
		if six > 1.05*eight || same > 0.9*eight {
			t.Error(said)
		}
	}
}

// What is known does no harm when much is measured, whatever it says.
func TestTransferForgets(t *testing.T) {
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	r := rand.New(rand.NewPCG(1, 12))
	known := knownDevices(t, sp, 2, 3, 0.02, r)
	odd := laptop // nothing like it
	odd.perUnit[layers], odd.perUnit[elements], odd.perUnit[linearMACs] = 2, 5e-5, 1e-9
	odd.noise = 0.01
	list, err := Design(sp, w, 60, r, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	observations := odd.observe(t, list, w, r)
	plain, err := Fit(observations)
	if err != nil {
		t.Fatal(err)
	}
	m, err := FitFrom(known, observations)
	if err != nil {
		t.Fatal(err)
	}
	without, with := errorOf(t, plain, odd, sp, r), errorOf(t, m, odd, sp, r)
	if with > without+0.01 {
		t.Errorf("error %.4f, without known devices %.4f", with, without)
	}
}

// A threshold of a known device is found again from few measurements.
func TestTransferKnowsThresholds(t *testing.T) {
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	r := rand.New(rand.NewPCG(2, 13))
	cached := laptop
	cached.cache, cached.far, cached.noise = 60<<20, 6e-8, 0.002
	first := fitted(t, cached, sp, 60, r).Known()
	if first.Decode.ExcessByteMs == 0 {
		t.Fatal("the first device has no threshold")
	}
	twice := cached
	for i := range twice.perUnit {
		twice.perUnit[i] *= 2
	}
	twice.far *= 2
	list, err := Design(sp, w, 6, r, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := FitFrom([]trial.DeviceModel{first}, twice.observe(t, list, w, r))
	if err != nil {
		t.Fatal(err)
	}
	if e := errorOf(t, m, twice, sp, r); e > 0.03 {
		t.Errorf("error %.4f for a device twice as slow", e)
	}
}

// How far passes follow their sentinels is known of a device that was slow whenever it was
// measured: how it would be undisturbed it never showed.
func TestTransferKnowsShares(t *testing.T) {
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	for _, spared := range []float64{0, 0.5, 1} {
		r := rand.New(rand.NewPCG(6, 18))
		d := laptop
		d.noise, d.drift, d.spared = 0.005, 0.4, spared
		first := fitted(t, d, sp, 40, r).Known()
		if got := first.Decode.SentinelShare; math.Abs(got-(1-spared)) > 0.01 {
			t.Fatalf("the share is %v, want %v", got, 1-spared)
		}
		list, err := Design(sp, w, 5, r, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.noise, d.drift = 0, 0
		slowed := func(a arch.Architecture, times float64) trial.Measurement {
			m := d.measure(t, a, w, r)
			for _, ms := range []*float64{&m.Prefill.MinMs, &m.Decode.MinMs} {
				*ms *= 1 + (1-spared)*(times-1)
			}
			m.Compute.MinMs *= times
			m.Stream.MinMs *= times
			return m
		}
		var observations []Observation
		for _, a := range list {
			observations = append(observations, Observation{a, slowed(a, 1.4)})
		}
		m, err := FitFrom([]trial.DeviceModel{first}, observations)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			a := draw(t, sp, r)
			prefill, decode, err := m.Predict(a)
			if err != nil {
				t.Fatal(err)
			}
			gotPrefill, gotDecode := m.Undisturbed(slowed(a, 1))
			// A share of how it was when slow is a little less than one of how it was before.
			if math.Abs(gotPrefill/prefill.Ms-1) > 0.04 || math.Abs(gotDecode/decode.Ms-1) > 0.04 {
				t.Errorf("spared %v: %v and %v ms on the device as it was, predicted %v and %v", spared, gotPrefill, gotDecode, prefill.Ms, decode.Ms)
			}
		}
	}
}

// Intervals hold what they promise with few measurements, too.
func TestTransferIntervalsCover(t *testing.T) {
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	within, all := 0, 0
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 14))
		known := knownDevices(t, sp, 3, 2, 0.03, r)
		d := relative(r, 2, 3)
		d.noise = 0.03
		list, err := Design(sp, w, 6, r, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := FitFrom(known, d.observe(t, list, w, r))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			a := draw(t, sp, r)
			got := d.measure(t, a, w, r)
			prefill, decode, err := m.Predict(a)
			if err != nil {
				t.Fatal(err)
			}
			for _, pair := range []struct {
				Time
				ms float64
			}{{prefill, got.Prefill.MinMs}, {decode, got.Decode.MinMs}} {
				all++
				if pair.LowMs <= pair.ms && pair.ms <= pair.HighMs {
					within++
				}
			}
		}
	}
	if share := float64(within) / float64(all); share < 0.88 {
		t.Errorf("%.3f of measurements lie in their 95 %% intervals", share)
	}
}

func TestKnownSurvivesJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 15))
	cached := laptop
	cached.cache, cached.far, cached.drift = 60<<20, 6e-8, 0.4
	m := fitted(t, cached, preset(t, "lts-gpt2"), 40, r)
	known := m.Known()
	if known.Decode.SentinelShare == 0 || known.Decode.ExcessByteMs == 0 {
		t.Fatalf("nothing to lose: %+v", known.Decode)
	}
	if err := known.Validate(); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(known)
	if err != nil {
		t.Fatal(err)
	}
	var again trial.DeviceModel
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(known, again) {
		t.Errorf("%+v became %+v (%v)", known, again, err)
	}
	for i := range m.fits {
		if f := fitsOf([]trial.DeviceModel{again}, i)[0]; f.perUnit != m.fits[i].perUnit || f.share != m.fits[i].share || f.perUnit[excess] > 0 && f.threshold != m.fits[i].threshold {
			t.Errorf("pass %d: %v became %v", i, m.fits[i].perUnit, f.perUnit)
		}
	}
}

// Whatever valid models claim, predictions are finite.
func TestTransferTakesAnyModel(t *testing.T) {
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	r := rand.New(rand.NewPCG(4, 16))
	list, err := Design(sp, w, 6, r, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	observations := laptop.observe(t, list, w, r)
	rapid.Check(t, func(rt *rapid.T) {
		var known []trial.DeviceModel
		for range rapid.IntRange(1, trial.MaxKnown).Draw(rt, "devices") {
			k := trial.DeviceModel{Workload: w}
			for _, p := range []*trial.PassModel{&k.Prefill, &k.Decode} {
				for _, ms := range perUnitOf(p) {
					if rapid.IntRange(0, 3).Draw(rt, "used") == 0 {
						*ms = math.Pow(10, rapid.Float64Range(-12, 6).Draw(rt, "log"))
					}
				}
				p.ThresholdBytes = rapid.Int64Range(0, 1<<40).Draw(rt, "threshold")
				p.SentinelShare = rapid.OneOf(rapid.Just(1.0), rapid.Float64Range(0, 1)).Draw(rt, "share")
				p.Sigma = rapid.Float64Range(0, 1).Draw(rt, "sigma")
			}
			if k.Validate() == nil {
				known = append(known, k)
			}
		}
		if len(known) == 0 {
			return
		}
		m, err := FitFrom(known, observations)
		if err != nil {
			rt.Fatal(err)
		}
		if err := m.Known().Validate(); err != nil {
			rt.Fatal(err)
		}
		for _, a := range list {
			prefill, decode, err := m.Predict(a)
			if err != nil {
				rt.Fatal(err)
			}
			for _, time := range []Time{prefill, decode} {
				if !(time.Ms > 0) || math.IsInf(time.Ms, 0) || math.IsNaN(time.LowMs) || math.IsNaN(time.HighMs) || math.IsInf(time.HighMs, 0) {
					rt.Fatalf("%+v", time)
				}
			}
		}
	})
}

// Choose takes what Design takes, of the same candidates.
func TestChooseIsADesign(t *testing.T) {
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	r := rand.New(rand.NewPCG(6, 18))
	var list []arch.Architecture
	for range 60 {
		list = append(list, draw(t, sp, r))
	}
	chosen, err := Choose(list, w, 12)
	if err != nil {
		t.Fatal(err)
	}
	points, err := describe(list, 0, w)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range choose(nil, points, 12) {
		if list[chosen[i]].ID() != a.ID() {
			t.Errorf("choice %d is %v, want %v", i+1, list[chosen[i]], a)
		}
	}
	if all, err := Choose(list, w, 100); err != nil || len(all) != len(list) {
		t.Errorf("%d of %d (%v)", len(all), len(list), err)
	}
}

func TestTransferRefuses(t *testing.T) {
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	r := rand.New(rand.NewPCG(5, 17))
	good := fitted(t, laptop, sp, 20, r).Known()
	list := []arch.Architecture{draw(t, sp, r), draw(t, sp, r), draw(t, sp, r), draw(t, sp, r)}
	observations := laptop.observe(t, list, w, r)
	for _, c := range []struct {
		edit func(*trial.DeviceModel)
		want string
	}{
		{func(k *trial.DeviceModel) { k.Prefill.ByteMs = -1 }, "prefill: byte_ms -1"},
		{func(k *trial.DeviceModel) { k.Decode.PassMs = math.NaN() }, "decode: pass_ms NaN"},
		{func(k *trial.DeviceModel) { k.Decode.LinearMACMs = math.Inf(1) }, "linear_mac_ms +Inf"},
		{func(k *trial.DeviceModel) { k.Decode = trial.PassModel{} }, "all times are 0"},
		{func(k *trial.DeviceModel) { k.Decode.Sigma = 2 }, "sigma 2"},
		{func(k *trial.DeviceModel) { k.Prefill.SentinelShare = 1.5 }, "sentinel_share 1.5"},
		{func(k *trial.DeviceModel) { k.Decode.ThresholdBytes = -1 }, "threshold_bytes -1"},
		{func(k *trial.DeviceModel) { k.Workload.Precision = trial.I8 }, `precision "int8"`},
		{func(k *trial.DeviceModel) { k.Workload.Threads = 0 }, "threads 0"},
		{func(k *trial.DeviceModel) { k.Device.Engine = strings.Repeat("x", 2000) }, "2000 bytes"},
		{func(k *trial.DeviceModel) { k.Device.Features = make([]string, 100) }, "100 features"},
	} {
		bad := good
		c.edit(&bad)
		_, err := FitFrom([]trial.DeviceModel{good, bad}, observations)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "device model 2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line with %q", err, c.want)
		}
	}
	if _, err := FitFrom([]trial.DeviceModel{good}, observations[:3]); err == nil || !strings.Contains(err.Error(), "3 observations") {
		t.Errorf("got %v for 3 observations", err)
	}
	if _, err := FitFrom(make([]trial.DeviceModel, 17), observations); err == nil || !strings.Contains(err.Error(), "at most 16") {
		t.Errorf("got %v for 17 device models", err)
	}
}
