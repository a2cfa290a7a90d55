package trial

import (
	"errors"
	"fmt"
)

// DeviceModel is what a study knows beforehand of another device: the model of its
// times that package cost fitted there. It says how the time of a pass divides; how
// fast a new device is, only measuring tells.
type DeviceModel struct {
	Device   Device    `json:"device"`
	Workload Workload  `json:"workload"` // that the model was fitted under
	Prefill  PassModel `json:"prefill"`
	Decode   PassModel `json:"decode"`
}

// PassModel is the time of a pass as a sum: milliseconds for each unit of what it
// consists of. Package cost says what counts as one.
type PassModel struct {
	PassMs        float64 `json:"pass_ms"`
	LayerMs       float64 `json:"layer_ms"`
	LinearMACMs   float64 `json:"linear_mac_ms"`
	HeadMACMs     float64 `json:"head_mac_ms"`
	ScoreMACMs    float64 `json:"score_mac_ms"`
	ExponentialMs float64 `json:"exponential_ms"`
	ElementMs     float64 `json:"element_ms"`
	ByteMs        float64 `json:"byte_ms"`
	// Each byte that is read beyond a threshold takes so much longer; 0 where there is
	// no threshold.
	ExcessByteMs   float64 `json:"excess_byte_ms,omitempty"`
	ThresholdBytes int64   `json:"threshold_bytes,omitempty"`
	// SentinelShare is the share of the pass that gets as much slower as the sentinel does
	// when the device is slowed down; 0 also where that was never seen.
	SentinelShare float64 `json:"sentinel_share,omitempty"`
	// Sigma is the standard deviation of measured over predicted times: a share.
	Sigma float64 `json:"sigma"`
}

// MaxKnown bounds Setup.Known.
const MaxKnown = 16

const (
	maxPerUnitMs = 1e6
	maxDeviceTxt = 1000 // bytes of a text about a device
	maxFeatures  = 32
	maxThreshold = 1 << 50
)

// Validate reports in one line what of d cannot be: a text that is too long, a
// workload that is none, a time that is negative or infinite, a pass without any, or a
// share that is none.
func (d DeviceModel) Validate() error {
	texts := append([]string{d.Device.Name, d.Device.OS, d.Device.Arch, d.Device.CPU, d.Device.Engine}, d.Device.Features...)
	if len(d.Device.Features) > maxFeatures {
		return fmt.Errorf("device: %d features; at most %d are allowed", len(d.Device.Features), maxFeatures)
	}
	for _, text := range texts {
		if len(text) > maxDeviceTxt {
			return fmt.Errorf("device: a text has %d bytes, more than the limit of %d", len(text), maxDeviceTxt)
		}
	}
	if err := d.Workload.Validate(); err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		of   PassModel
	}{{"prefill", d.Prefill}, {"decode", d.Decode}} {
		if err := p.of.validate(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func (p PassModel) validate() error {
	sum := 0.0
	for _, t := range []struct {
		name string
		ms   float64
	}{
		{"pass_ms", p.PassMs}, {"layer_ms", p.LayerMs}, {"linear_mac_ms", p.LinearMACMs}, {"head_mac_ms", p.HeadMACMs},
		{"score_mac_ms", p.ScoreMACMs}, {"exponential_ms", p.ExponentialMs}, {"element_ms", p.ElementMs}, {"byte_ms", p.ByteMs},
		{"excess_byte_ms", p.ExcessByteMs},
	} {
		if !(t.ms >= 0 && t.ms <= maxPerUnitMs) {
			return fmt.Errorf("%s %v must be between 0 and %g", t.name, t.ms, float64(maxPerUnitMs))
		}
		sum += t.ms
	}
	switch {
	case sum == 0:
		return errors.New("all times are 0; at least one must be above")
	case p.ThresholdBytes < 0 || p.ThresholdBytes > maxThreshold:
		return fmt.Errorf("threshold_bytes %d must be between 0 and %d", p.ThresholdBytes, int64(maxThreshold))
	case !(p.SentinelShare >= 0 && p.SentinelShare <= 1):
		return fmt.Errorf("sentinel_share %v must be between 0 and 1", p.SentinelShare)
	case !(p.Sigma >= 0 && p.Sigma <= 1):
		return fmt.Errorf("sigma %v must be between 0 and 1", p.Sigma)
	}
	return nil
}
