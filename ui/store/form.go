package store

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"litefront/kernels/search"
	"litefront/searchcore/objective"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// The fields of the form.
const (
	FieldPreset      = "preset"
	FieldSpace       = "space"
	FieldPrompt      = "prompt"
	FieldContext     = "context"
	FieldTarget      = "target"
	FieldPrecision   = "precision"
	FieldThreads     = "threads"
	FieldObjectives  = "objectives"
	FieldConstraints = "constraints"
	FieldBudget      = "budget"
	FieldStrategy    = "strategy"
	FieldSeed        = "seed"
)

// fieldNames are all of them.
var fieldNames = []string{FieldPreset, FieldSpace, FieldPrompt, FieldContext, FieldTarget, FieldThreads, FieldPrecision, FieldObjectives, FieldConstraints, FieldBudget, FieldStrategy, FieldSeed}

// Form is the setup of a search as the user types it.
type Form struct {
	Preset      string // the name of one, or OwnSpace
	Space       string // TOML of the own space, which counts if that is chosen
	Prompt      string // tokens
	Context     string // tokens, the prompt's included; empty for decodeTokens more than the prompt
	Target      string // search.TargetCPU or TargetGPU
	Precision   string
	Threads     string
	Objectives  []string
	Constraints string // with commas between them
	Budget      string
	Strategy    string
	Seed        string
}

// Preset is a search space on offer.
type Preset struct {
	Name    string
	Summary string // its extent, in one line
}

// MemoryLimit is the linear memory that a candidate may need, in bytes: what
// also phones grant a page.
const MemoryLimit = 1 << 30

// decodeTokens is the room that a study leaves after its prompt, unless it has a
// context of its own.
var decodeTokens = trial.DefaultWorkload().Context - trial.DefaultWorkload().PromptLen

func (s *Store) resetForm() {
	s.Form = Form{
		Preset:     "archai-gpt2",
		Space:      s.Form.Space, // what somebody wrote is not lost
		Prompt:     strconv.Itoa(trial.DefaultWorkload().PromptLen),
		Objectives: objective.Defaults(),
		Target:     search.TargetCPU,
		Precision:  string(trial.DefaultWorkload().Precision),
		Threads:    strconv.Itoa(trial.DefaultWorkload().Threads),
		Budget:     search.DefaultBudget,
		Strategy:   study.Strategies()[0],
		Seed:       "1",
	}
	s.Invalid = make(map[string]string)
}

// fillForm shows the setup of a study that is kept.
func (s *Store) fillForm(e trial.Started) {
	s.showSpace(e.Space)
	target := s.Form.Target // until a measurement tells
	if e.Workload.Precision == trial.F16 {
		target = search.TargetGPU
	}
	s.Form = Form{
		Preset:      s.Form.Preset,
		Space:       s.Form.Space,
		Prompt:      strconv.Itoa(e.Workload.PromptLen),
		Context:     contextField(e.Workload),
		Target:      target,
		Precision:   string(e.Workload.Precision),
		Threads:     strconv.Itoa(e.Workload.Threads),
		Objectives:  slices.Clone(e.Objectives),
		Constraints: strings.Join(e.Constraints, ", "),
		Budget:      s.Form.Budget,
		Strategy:    e.Strategy,
		Seed:        strconv.FormatUint(e.Seed, 10),
	}
	s.Invalid = make(map[string]string)
}

// contextField is what the field has for a workload.
func contextField(w trial.Workload) string {
	if w.Context == w.PromptLen+decodeTokens {
		return ""
	}
	return strconv.Itoa(w.Context)
}

// presets lists the spaces on offer.
func presets() []Preset {
	var list []Preset
	for _, name := range space.Presets() {
		if sp, err := space.Preset(name); err == nil {
			list = append(list, Preset{Name: name, Summary: summary(sp)})
		}
	}
	return list
}

// summary says how far a space extends.
func summary(sp space.Space) string {
	span := func(c space.Choices) string {
		if lo, hi := slices.Min(c), slices.Max(c); lo != hi {
			return fmt.Sprintf("%d–%d", lo, hi)
		}
		return strconv.Itoa(c[0])
	}
	layers := "each layer its own"
	if sp.Shared {
		layers = "all layers alike"
	}
	text := fmt.Sprintf("%s layers, %s; d_model %s, d_inner %s", span(sp.NLayer), layers, span(sp.DModel), span(sp.DInner))
	if sp.MaxDecoderParams > 0 {
		text += fmt.Sprintf(", up to %s decoder parameters", decoderParams.Format(float64(sp.MaxDecoderParams)))
	}
	return text
}

// SetField takes what the user typed or chose, and judges that field; of a space the
// worker does that, see [Store.Survey].
func (s *Store) SetField(name, value string) {
	if name == FieldSpace {
		s.setSpace(value)
		return
	}
	maxValue := 100
	if name == FieldConstraints {
		maxValue = 1000
	}
	value = strings.TrimSpace(value)
	if len(value) > maxValue {
		value = value[:maxValue]
	}
	switch name {
	case FieldPreset:
		s.choosePreset(value)
	case FieldPrompt:
		s.Form.Prompt = value
	case FieldContext:
		s.Form.Context = value
	case FieldTarget:
		s.Form.Target = value
		if !slices.Contains(s.Precisions(), trial.Precision(s.Form.Precision)) {
			s.Form.Precision = string(s.Precisions()[0])
		}
	case FieldPrecision:
		s.Form.Precision = value
	case FieldThreads:
		s.Form.Threads = value
	case FieldConstraints:
		s.Form.Constraints = value
	case FieldBudget:
		s.Form.Budget = value
	case FieldStrategy:
		s.Form.Strategy = value
	case FieldSeed:
		s.Form.Seed = value
	}
	s.judge(name)
	switch name { // each bounds the other
	case FieldTarget:
		s.judge(FieldPrecision)
		s.judge(FieldThreads)
	case FieldPrompt:
		s.judge(FieldContext)
	case FieldContext:
		s.judge(FieldPrompt)
	}
}

// Precisions lists those that the form's target has.
func (s *Store) Precisions() []trial.Precision {
	if s.Form.Target == search.TargetGPU {
		return trial.GPUPrecisions()
	}
	return trial.Precisions()
}

// SetObjective takes an objective in or out. The form keeps them in the order of
// the table of objectives.
func (s *Store) SetObjective(name string, on bool) {
	chosen := s.Form.Objectives
	s.Form.Objectives = nil
	for _, o := range objective.All() {
		if o.Name == name && on || o.Name != name && slices.Contains(chosen, o.Name) {
			s.Form.Objectives = append(s.Form.Objectives, o.Name)
		}
	}
	s.judge(FieldObjectives)
}

// judge notes what is wrong with a field.
func (s *Store) judge(name string) {
	var err error
	switch name {
	case FieldPreset:
		if s.Form.Preset != OwnSpace {
			_, err = space.Preset(s.Form.Preset)
		}
	case FieldSpace:
		if s.Form.Preset == OwnSpace {
			err = s.checkSpace()
		}
	case FieldPrompt:
		_, err = s.promptLen()
	case FieldContext:
		_, err = s.context()
	case FieldTarget:
		switch {
		case s.Form.Target == search.TargetCPU:
		case s.Form.Target != search.TargetGPU:
			err = fmt.Errorf("target %q must be %q or %q", s.Form.Target, search.TargetCPU, search.TargetGPU)
		case s.GPU == nil:
			err = errors.New("target: this browser offers no GPU")
		}
	case FieldPrecision:
		if has := s.Precisions(); !slices.Contains(has, trial.Precision(s.Form.Precision)) {
			err = fmt.Errorf("precision %q must be one of %q", s.Form.Precision, has)
		}
	case FieldThreads:
		_, err = s.threads()
	case FieldObjectives:
		_, err = objective.ParseSet(s.Form.Objectives)
	case FieldConstraints:
		_, err = parseConstraints(s.Form.constraints())
	case FieldBudget:
		err = s.checkBudget()
	case FieldStrategy:
		if !slices.Contains(study.Strategies(), s.Form.Strategy) {
			err = fmt.Errorf("strategy %q is unknown; use one of %s", s.Form.Strategy, strings.Join(study.Strategies(), ", "))
		}
	case FieldSeed:
		_, err = s.seed()
	}
	delete(s.Invalid, name)
	if err != nil {
		s.Invalid[name] = line(strings.TrimPrefix(err.Error(), "space: "), maxText)
	}
}

// constraints lists what the field has.
func (f Form) constraints() []string {
	if f.Constraints == "" {
		return nil
	}
	return study.ParseConstraintsValue(f.Constraints)
}

// maxContext is the longest context that models of the space have positions for.
func (s *Store) maxContext() int {
	if sp, err := s.space(); err == nil && sp.MaxLen > 0 {
		return sp.MaxLen
	}
	return trial.MaxContext
}

func (s *Store) promptLen() (int, error) {
	most := s.maxContext()
	if s.Form.Context == "" {
		if most <= decodeTokens {
			return 0, fmt.Errorf("prompt length %q: the space has %d positions, none of them beyond the %d after the prompt; fill in the context",
				s.Form.Prompt, most, decodeTokens)
		}
		most -= decodeTokens
	}
	n, err := strconv.Atoi(s.Form.Prompt)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("prompt length %q must be a whole number from 1 to %d", s.Form.Prompt, most)
	}
	return n, nil
}

// context is the field's value, or what it stands for while it is empty. Beside a
// prompt that is wrong, only the field itself is judged.
func (s *Store) context() (int, error) {
	least, err := s.promptLen()
	if s.Form.Context == "" {
		return least + decodeTokens, nil
	}
	if err != nil {
		least = 1
	}
	most := s.maxContext()
	n, err := strconv.Atoi(s.Form.Context)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("context %q must be a whole number from %d to %d, the prompt and all that is decoded after it, or empty for %d more than the prompt",
			s.Form.Context, least, most, decodeTokens)
	}
	return n, nil
}

func (s *Store) threads() (int, error) {
	n, err := strconv.Atoi(s.Form.Threads)
	if err != nil || n < 1 || n > trial.MaxThreads {
		return 0, fmt.Errorf("threads %q must be a whole number from 1 to %d", s.Form.Threads, trial.MaxThreads)
	}
	if s.Form.Target == search.TargetGPU && n > 1 {
		return 0, fmt.Errorf("threads %d must be 1 on a GPU", n)
	}
	if s.Study == nil && s.Device != nil && s.Device.Cores > 0 && n > s.Device.Cores {
		return 0, fmt.Errorf("threads %d must be at most %d, the cores of this device", n, s.Device.Cores)
	}
	return n, nil
}

func (s *Store) seed() (uint64, error) {
	n, err := strconv.ParseUint(s.Form.Seed, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("seed %q must be a whole number from 0 to %d", s.Form.Seed, uint64(math.MaxUint64))
	}
	return n, nil
}

// checkBudget demands a budget that is not spent yet, unless other constraints are to
// judge anew what was measured.
func (s *Store) checkBudget() error {
	b, err := search.ParseBudget(s.Form.Budget)
	switch {
	case err != nil:
		return err
	case s.Study == nil, study.ConstraintsValue(s.Form.constraints()) != study.ConstraintsValue(s.Study.Constraints):
		return nil
	case b.Time > 0 && s.spent(b):
		return fmt.Errorf("budget %s is spent: the study has run for %s; raise it to go on", s.Form.Budget, s.elapsed().Round(time.Second))
	case b.Trials > 0 && s.spent(b):
		return fmt.Errorf("budget %s is spent: the study has %d candidates; raise it to go on", s.Form.Budget, s.ended)
	}
	return nil
}

// request is the search that the form describes, or false if a field is wrong.
// For a kept study only the budget and the constraints count: the rest of its setup
// is settled.
func (s *Store) request() (*search.Request, bool) {
	fields := []string{FieldBudget, FieldConstraints}
	if s.Study == nil {
		fields = fieldNames
	}
	s.Invalid = make(map[string]string)
	for _, name := range fields {
		s.judge(name)
	}
	if len(s.Invalid) > 0 {
		return nil, false
	}
	if s.Study != nil {
		setup := s.Study.Setup
		setup.Constraints = s.Form.constraints()
		q := &search.Request{Name: s.Study.Study, Code: s.code, Setup: setup, Budget: s.Form.Budget, Reconstrain: true}
		return q, s.overlay(q)
	}
	sp, _ := s.space() // judged above, as the others
	w := trial.Workload{Precision: trial.Precision(s.Form.Precision)}
	w.PromptLen, _ = s.promptLen()
	w.Context, _ = s.context()
	w.Threads, _ = s.threads()
	seed, _ := s.seed()
	q := &search.Request{
		Name: line(fmt.Sprintf("%s seed %d", sp.Name, seed), maxText),
		Code: s.code,
		Setup: trial.Setup{
			Space:       sp,
			Workload:    w,
			Objectives:  s.Form.Objectives,
			Constraints: s.Form.constraints(),
			Strategy:    s.Form.Strategy,
			Protocol:    trial.Litefront,
			Seed:        seed,
			MemoryLimit: MemoryLimit,
		},
		Budget: s.Form.Budget,
	}
	if err := study.Check(q.Setup); err != nil { // of the fields together, such as a prompt that the space has no room for
		field := FieldPreset
		if s.Form.Preset == OwnSpace {
			field = FieldSpace
		}
		s.Invalid[field] = line(err.Error(), maxText)
		return nil, false
	}
	return q, s.overlay(q)
}

// displayBudget writes b as people do: 2m, not 2m0s.
func displayBudget(b search.Budget) string {
	text := b.String()
	if b.Time > 0 {
		if b.Time%time.Minute == 0 {
			text = strings.TrimSuffix(text, "0s")
		}
		if b.Time%time.Hour == 0 {
			text = strings.TrimSuffix(text, "0m")
		}
	}
	return text
}
