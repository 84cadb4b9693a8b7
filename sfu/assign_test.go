package sfu

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAssign(t *testing.T) {
	a, b, c, none := trackID{"a", "camera"}, trackID{"b", "camera"}, trackID{"c", "screen"}, trackID{}
	tests := map[string]struct{ now, wanted, want []trackID }{
		"free slots are filled in order":                {[]trackID{none, none, none}, []trackID{a, b}, []trackID{a, b, none}},
		"who stays wanted stays in its slot":            {[]trackID{a, b, none}, []trackID{c, b}, []trackID{c, b, none}},
		"another order moves nobody":                    {[]trackID{a, b, c}, []trackID{c, b, a}, []trackID{a, b, c}},
		"what does not fit is left out":                 {[]trackID{none, none}, []trackID{a, b, c}, []trackID{a, b}},
		"the more wanted takes the place of the lesser": {[]trackID{a, b}, []trackID{c, b, a}, []trackID{c, b}},
		"nothing wanted empties all":                    {[]trackID{a, b}, nil, []trackID{none, none}},
		"without slots nothing is carried":              {[]trackID{}, []trackID{a}, []trackID{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := assign(tt.now, tt.wanted)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(trackID{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
