package speaker_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"roomcast/sfu/speaker"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

type room map[string]int

func (r room) readings() (all []speaker.Reading[string]) {
	for _, id := range []string{"a", "b", "c", "d"} {
		if loudness, there := r[id]; there {
			all = append(all, speaker.Reading[string]{ID: id, Loudness: loudness})
		}
	}
	return all
}

func TestSelector(t *testing.T) {
	type moment struct {
		ms   int
		room room
		want []string
	}
	tests := map[string][]moment{
		"all are heard while there are places": {
			{0, room{"a": 0, "b": 0}, []string{"a", "b"}},
		},
		"without places to spare the loudest come first": {
			{0, room{"a": 0, "b": 90, "c": 80}, []string{"b", "c"}},
		},
		"who is gone leaves a place": {
			{0, room{"a": 90, "b": 80, "c": 0}, []string{"a", "b"}},
			{100, room{"b": 80, "c": 0}, []string{"b", "c"}},
		},
		"a pause for breath loses no place": {
			{0, room{"a": 90, "b": 85, "c": 0}, []string{"a", "b"}},
			{100, room{"a": 90, "b": 66, "c": 77}, []string{"a", "b"}},
			{1400, room{"a": 90, "b": 66, "c": 77}, []string{"a", "b"}},
			{1600, room{"a": 90, "b": 66, "c": 77}, []string{"a", "c"}},
		},
		"one long silent loses the place at once": {
			{0, room{"a": 90, "b": 85, "c": 0}, []string{"a", "b"}},
			{2000, room{"a": 90, "b": 0, "c": 0}, []string{"a", "b"}},
			{2100, room{"a": 90, "b": 0, "c": 80}, []string{"a", "c"}},
		},
		"one who does not speak takes nobody's place": {
			{0, room{"a": 90, "b": 85}, []string{"a", "b"}},
			{100, room{"a": 0, "b": 0, "c": 70}, []string{"a", "b"}},
			{9000, room{"a": 0, "b": 0, "c": 70}, []string{"a", "b"}},
		},
		"a cough takes nobody's place": {
			{0, room{"a": 90, "b": 85, "c": 0}, []string{"a", "b"}},
			{100, room{"a": 90, "b": 85, "c": 120}, []string{"a", "b"}},
			{400, room{"a": 90, "b": 85, "c": 0}, []string{"a", "b"}},
			{600, room{"a": 90, "b": 85, "c": 120}, []string{"a", "b"}},
		},
		"one who is louder for long takes the place of the quietest": {
			{0, room{"a": 90, "b": 85, "c": 0}, []string{"a", "b"}},
			{100, room{"a": 90, "b": 85, "c": 110}, []string{"a", "b"}},
			{600, room{"a": 90, "b": 85, "c": 110}, []string{"a", "c"}},
		},
		"between the thresholds one who spoke goes on speaking": {
			{0, room{"a": 90, "b": 85, "c": 0}, []string{"a", "b"}},
			{100, room{"a": 90, "b": 70, "c": 0}, []string{"a", "b"}},
			{3000, room{"a": 90, "b": 70, "c": 78}, []string{"a", "b"}},
		},
	}
	for name, moments := range tests {
		t.Run(name, func(t *testing.T) {
			s := speaker.NewSelector[string](2)
			var before []string
			for _, m := range moments {
				changed := s.Update(m.room.readings(), at(m.ms))
				if diff := cmp.Diff(m.want, s.Selected()); diff != "" {
					t.Fatalf("at %d ms: %s", m.ms, diff)
				}
				if changed == cmp.Equal(before, m.want) {
					t.Fatalf("at %d ms: changed is %v", m.ms, changed)
				}
				before = m.want
			}
		})
	}
}

func TestSpeakingNamesTheLoudestFirst(t *testing.T) {
	s := speaker.NewSelector[string](3)
	r := room{"a": 80, "b": 20, "c": 100}.readings()
	s.Update(r, at(0))
	want := []speaker.Reading[string]{{ID: "c", Loudness: 100}, {ID: "a", Loudness: 80}}
	if diff := cmp.Diff(want, s.Speaking(r)); diff != "" {
		t.Error(diff)
	}
}

func TestMeterSmoothsAndGoesStale(t *testing.T) {
	var m speaker.Meter
	if m.Loudness(at(0)) != 0 {
		t.Error("a new meter is loud")
	}
	m.Feed(20, at(0))
	if l := m.Loudness(at(0)); l < 20 || l > 40 {
		t.Errorf("one loud packet makes %d", l)
	}
	for i := range 50 {
		m.Feed(20, at(20*i))
	}
	if l := m.Loudness(at(1000)); l < 100 || l > 107 {
		t.Errorf("a second of level 20 makes %d", l)
	}
	for i := range 5 {
		m.Feed(127, at(1000+20*i))
	}
	if l := m.Loudness(at(1100)); l < 60 {
		t.Errorf("a gap between words makes %d", l)
	}
	if m.Loudness(at(1600)) != 0 {
		t.Error("a track that sends nothing is still loud")
	}
	m.Feed(255, at(1700)) // a level is 7 bits; more is silence
}
