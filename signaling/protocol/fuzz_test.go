package protocol_test

import (
	"encoding/json"
	"errors"
	"testing"

	"roomcast/signaling/protocol"
)

func FuzzReadClient(f *testing.F) {
	f.Add([]byte(`{"type":"hello","id":"1","session":"s"}`))
	f.Add([]byte(`{"type":"view","tiles":[{"participant":"p","source":"camera","width":1,"height":1}]}`))
	f.Add([]byte(`{"type":"mute","sources":["microphone"],"muted":true}`))
	f.Add([]byte(`{"type":"candidate","candidate":"","mid":null}`))
	f.Add([]byte(`{"type":"chat","text":1}`))
	f.Add([]byte(`{"type":"hello","session":"s","chat_after":1795424400018}`))
	f.Add([]byte(`{"type":"chat_delete","message":"1795424400017"}`))
	f.Add([]byte(`{"type":"moderator_unmute","participant":"p","kinds":["chat"]}`))
	f.Add([]byte(`{"type":"ping"} {}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := protocol.ReadClient(frame)
		if err != nil {
			var fault *protocol.Fault
			if !errors.As(err, &fault) || fault.Code == "" || fault.Detail == "" {
				t.Fatalf("the error is %v", err)
			}
			return
		}
		again, err := protocol.EncodeClient(m)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(again) {
			t.Fatalf("encoded as %s", again)
		}
		back, err := protocol.ReadClient(again)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v: %s", err, again)
		}
		if protocol.KindOf(back) != protocol.KindOf(m) {
			t.Fatalf("%s became %s", protocol.KindOf(m), protocol.KindOf(back))
		}
	})
}
