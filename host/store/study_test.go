package store

import (
	"errors"
	"strings"
	"testing"
)

func TestSetRequest(t *testing.T) {
	s := fresh(t)
	if _, err := s.CreateStudy(ctx, "tiny", []byte(`{"budget":"1"}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRequest(ctx, "tiny", []byte(`{"budget":"2"}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRequest(ctx, "huge", []byte(`{}`)); !errors.Is(err, ErrUnknown) {
		t.Errorf("of no study: %v", err)
	}
	if err := s.SetRequest(ctx, "tiny", []byte(`{`)); err == nil || !strings.Contains(err.Error(), "must be JSON") {
		t.Errorf("no JSON: %v", err)
	}
	if st, err := s.Study(ctx, "tiny"); err != nil || string(st.Request) != `{"budget":"2"}` {
		t.Errorf("%s, %v", st.Request, err)
	}
}
