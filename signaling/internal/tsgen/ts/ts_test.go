package ts_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"roomcast/signaling/internal/tsgen/ts"
)

const (
	sourceDir = "../../../protocol"
	committed = "../../../../web/app/src/lib/signaling/protocol.gen.ts"
)

func TestCommittedTypesAreThoseOfTheGoSource(t *testing.T) {
	want, err := ts.Generate(sourceDir)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s is stale: run go generate ./signaling", committed)
	}
}

func TestTypesSayWhatTheGoTypesSay(t *testing.T) {
	text, err := ts.Generate(sourceDir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a message is an interface discriminated by its type": "export interface ClientHello {\n  /** Type names the message. */\n  type: 'hello';\n",
		"a secret is a string on the wire":                    "  session: string;\n",
		"an omitted field is optional":                        "  resume?: string;\n",
		"a pointer may be null":                               "  source: Source | null;\n",
		"a closed set of words is a union":                    "export type MuteKind =\n  | 'audio'\n  | 'video'\n  | 'screen'\n  | 'chat';\n",
		"a limit is a constant":                               "  maxVideoSlots: 25,\n",
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(string(text), want) {
				t.Errorf("generated types lack %q", want)
			}
		})
	}
}
