package store

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"litefront/kernels/search"
)

// Link returns the setup of the form as the fragment of an address, which [OpenLink]
// takes: "#budget=60s&preset=lts-gpt2&...". It is empty if an own space makes it too
// long to be taken.
func (s *Store) Link() string {
	v := url.Values{}
	for _, name := range fieldNames {
		switch {
		case name == FieldSpace && s.Form.Preset != OwnSpace, name == FieldTarget && s.Form.Target == search.TargetCPU:
		default:
			v.Set(name, s.Form.value(name))
		}
	}
	link := v.Encode()
	if len(link) > maxLink {
		return ""
	}
	return "#" + link
}

// value returns a field as text.
func (f Form) value(name string) string {
	switch name {
	case FieldPreset:
		return f.Preset
	case FieldSpace:
		return f.Space
	case FieldPrompt:
		return f.Prompt
	case FieldContext:
		return f.Context
	case FieldTarget:
		return f.Target
	case FieldPrecision:
		return f.Precision
	case FieldThreads:
		return f.Threads
	case FieldObjectives:
		return strings.Join(f.Objectives, ",")
	case FieldConstraints:
		return f.Constraints
	case FieldBudget:
		return f.Budget
	case FieldStrategy:
		return f.Strategy
	case FieldSeed:
		return f.Seed
	}
	return ""
}

// maxLink bounds a fragment, in bytes.
const maxLink = 16 << 10

// OpenLink takes the fragment of the page's address, "#" included: the fields that it
// names are filled in, the others are as at first. What is wrong with it is shown, and
// what it gets wrong of a field beside that. While a study is kept, its setup stays and
// the link waits. Nothing happens before the worker has told what is kept.
func (s *Store) OpenLink(fragment string) {
	s.link, s.linkWaits, s.linkAgreed = strings.TrimPrefix(fragment, "#"), false, false
	if s.answered {
		s.openLink()
	}
}

func (s *Store) openLink() {
	link := s.link
	if s.kept && link != "" && "#"+link != s.Link() {
		if !s.linkWaits {
			s.linkWaits = true
			s.Fail("the link's setup waits, since a study is kept: press New search to take it")
		}
		return
	}
	s.link = ""
	if link == "" {
		return
	}
	fields, err := parseLink(link)
	if err != nil {
		s.Fail(err.Error())
		return
	}
	if text, ok := fields[FieldSpace]; ok && !s.linkAgreed && s.losesSpace(text) {
		s.Confirm = Confirm{Question: "Take the link's setup? Its space replaces the one that is written here.", Accept: "Replace", link: link}
		return
	}
	s.resetForm()
	if text, ok := fields[FieldSpace]; ok { // first: it bounds other fields
		s.Form.Preset = OwnSpace
		s.setSpace(text)
		s.linkSpace = s.Form.Space
		s.judge(FieldSpace)
		delete(fields, FieldPreset)
		delete(fields, FieldSpace)
	}
	for _, name := range fieldNames {
		value, ok := fields[name]
		switch {
		case !ok:
		case name == FieldObjectives:
			s.Form.Objectives = strings.Split(value, ",")
			s.judge(name)
		default:
			s.SetField(name, value)
		}
	}
	for _, name := range fieldNames { // the first says enough; all are beside their fields
		if message := s.Invalid[name]; message != "" {
			s.Fail("the link's " + name + " is wrong: " + message)
			return
		}
	}
}

// parseLink returns the fields that a link names.
func parseLink(link string) (map[string]string, error) {
	if len(link) > maxLink {
		return nil, fmt.Errorf("the link's setup has %d bytes; at most %d are allowed", len(link), maxLink)
	}
	values, err := url.ParseQuery(link)
	if err != nil {
		return nil, fmt.Errorf("the link's setup cannot be read: %w", err)
	}
	fields := map[string]string{}
	for name, list := range values {
		if !slices.Contains(fieldNames, name) {
			return nil, fmt.Errorf("the link's setup has an unknown field %.40q; known are %s", name, strings.Join(fieldNames, ", "))
		}
		if len(list) > 1 {
			return nil, fmt.Errorf("the link's setup has %s %d times", name, len(list))
		}
		fields[name] = list[0]
	}
	preset, ok := fields[FieldPreset]
	if _, own := fields[FieldSpace]; own && ok && preset != OwnSpace {
		return nil, fmt.Errorf("the link's setup has a space of its own beside the preset %.40q; with one, the preset must be %s", preset, OwnSpace)
	} else if !own && preset == OwnSpace {
		return nil, fmt.Errorf("the link's setup has the preset %s, but no space", OwnSpace)
	}
	return fields, nil
}
