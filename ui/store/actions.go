package store

import "litefront/kernels/search"

// Open says what to send to a worker that was just started. What an earlier
// worker told stays until this one tells of a study.
func (s *Store) Open() search.Command {
	s.begun, s.answered, s.dead, s.searching, s.generating, s.measuring, s.due, s.exporting, s.silence = false, false, false, false, false, false, "", false, 0
	s.endLoad()
	s.settled, s.reason, s.survey = false, "", surveying{}
	s.before = before{s.Study, s.profiles, s.sustained}
	return search.Command{Do: search.DoOpen}
}

// Die notes that the worker is gone, and why. A worker dies once: what else is
// heard of it says the same in other words.
func (s *Store) Die(reason string) {
	if s.dead {
		return
	}
	s.dead, s.searching, s.generating, s.measuring, s.due, s.exporting, s.survey.waiting, s.Confirm = true, false, false, false, "", false, false, Confirm{}
	s.endLoad()
	s.Fail(reason)
}

// Start begins the search of the form, or goes on with the kept study. It
// returns false, and says what is wrong beside the fields, if there is nothing
// to send.
func (s *Store) Start() (search.Command, bool) {
	if p := s.Phase(); s.Waiting() || p != Idle && p != Paused {
		return search.Command{}, false
	}
	q, ok := s.request()
	if !ok {
		s.settled = true // what is wrong is shown in the form, which may be out of view
		for _, name := range fieldNames {
			if message := s.Invalid[name]; message != "" {
				s.Fail("the search cannot start: " + message)
				break
			}
		}
		return search.Command{}, false
	}
	s.settled, s.reason, s.background, s.Errors, s.Confirm = false, "", false, nil, Confirm{}
	if s.tried != nil {
		s.tried.heard = true
	}
	return s.sending(search.Command{Do: search.DoStart, Request: q, Target: s.Form.Target}), true
}

// Pause ends the search; it can go on.
func (s *Store) Pause() (search.Command, bool) {
	if s.Phase() != Searching || s.Waiting() {
		return search.Command{}, false
	}
	return s.sending(search.Command{Do: search.DoStop}), true
}

// Stop ends the search and returns to the form, with the study kept. A search
// that pauses already needs no command.
func (s *Store) Stop() (search.Command, bool) {
	if s.Phase() == Searching {
		c, ok := s.Pause()
		s.settled = s.settled || ok
		return c, ok
	}
	s.settled = true
	return search.Command{}, false
}

// Export asks for the kept study's journal.
func (s *Store) Export() (search.Command, bool) {
	if !s.kept || s.Waiting() || s.dead {
		return search.Command{}, false
	}
	s.exporting = true
	return search.Command{Do: search.DoExport}, true
}

// Confirm is a question to the user. The zero value asks nothing.
type Confirm struct {
	Question string
	Accept   string // label of the button that agrees
	Instead  string // label of the button that does something else, and loses nothing; empty for none
	command  search.Command
	space    string // or this takes the place of what is written
	link     string // or its setup that of the form
}

// Asks reports whether there is a question.
func (c Confirm) Asks() bool { return c.Question != "" }

// NewSearch asks whether to discard the kept study.
func (s *Store) NewSearch() {
	if s.kept && !s.Waiting() && !s.searching && !s.dead {
		s.Confirm = Confirm{
			Question: "Discard this study? What was measured is lost unless you export it first.",
			Accept:   "Discard",
			command:  search.Command{Do: search.DoForget},
		}
	}
}

// MaxJournal bounds a journal that is imported, in bytes.
const MaxJournal = 64 << 20

// Import takes a file. Of a journal it asks whether to replace the kept study by its
// lines, or to overlay it; with no study kept it asks nothing and returns the command.
// The model of a configuration file becomes a reference beside the next search.
func (s *Store) Import(text string) (search.Command, bool) {
	command := search.Command{Do: search.DoImport, Journal: text}
	switch {
	case s.dead || !s.answered:
	case isConfig(text):
		s.addReference(text)
	case !s.takes(text, "importing"):
	case !s.kept:
		return s.sending(command), true
	default:
		s.Confirm = Confirm{
			Question: "Replace this study by the imported one? What was measured is lost unless you export it first. Or overlay it: then only its frontier is drawn beside this one.",
			Accept:   "Replace",
			Instead:  "Overlay",
			command:  command,
		}
		if len(s.others) == MaxOthers {
			s.Confirm.Question, s.Confirm.Instead = "Replace this study by the imported one? What was measured is lost unless you export it first.", ""
		}
	}
	return search.Command{}, false
}

// takes reports whether a journal can be handed to the worker now, and says why not.
func (s *Store) takes(text, doing string) bool {
	switch {
	case text == "":
		s.Fail("the file is empty; a journal has one event a line")
	case s.searching:
		s.Fail("a search is under way: pause it before " + doing + " another study")
	case s.Join.Active:
		s.Fail("this page measures for its host: stop that before " + doing + " a study")
	case s.Waiting():
		s.Fail("the worker has something to do yet; choose the study again once it has done it")
	default:
		return true
	}
	return false
}

// Accept agrees to the question and returns what to send.
func (s *Store) Accept() (search.Command, bool) {
	c := s.Confirm
	s.Confirm = Confirm{}
	if c.link != "" { // which waits where it cannot be taken now
		s.link, s.linkAgreed = c.link, true
		if s.answered {
			s.openLink()
		}
		return search.Command{}, false
	}
	if !c.Asks() || s.Waiting() || s.searching || s.dead {
		return search.Command{}, false
	}
	if c.space != "" {
		s.takeSpace(c.space)
		return search.Command{}, false
	}
	s.Errors = nil
	return s.sending(c.command), true
}

// AcceptInstead does what the question offers instead, and returns what to send.
func (s *Store) AcceptInstead() (search.Command, bool) {
	c := s.Confirm
	s.Confirm = Confirm{}
	if c.Instead == "" {
		return search.Command{}, false
	}
	s.Errors = nil
	return s.Overlay(c.command.Journal)
}

// sending notes a command that the worker is about to be sent.
func (s *Store) sending(c search.Command) search.Command {
	s.due, s.silence = c.Do, 0
	if c.Do != search.DoStop {
		s.loaded = ""
	}
	return c
}

// Decline drops the question.
func (s *Store) Decline() { s.Confirm = Confirm{} }
