package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/message"
)

// greeting is C0, C1 and C2.
var greeting = append([]byte{3}, make([]byte, handshakeBytes)...)

// header0 is a first chunk's header.
func header0(id byte, length uint32, kind byte) []byte {
	return []byte{id, 0, 0, 0, byte(length >> 16), byte(length >> 8), byte(length), kind, 0, 0, 0, 1}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func control(kind byte, v uint32) []byte {
	return join(header0(2, 4, kind), binary.BigEndian.AppendUint32(nil, v))
}

func TestGuardRefusesWhatWouldFillMemory(t *testing.T) {
	tests := []struct {
		name     string
		admitted bool
		sent     []byte
		refusal  string // part of it; "" is fine
	}{
		{"garbage", false, []byte("GET / HTTP/1.1\r\n\r\n"), "not plain RTMP"},
		{"RTMP's own encryption", false, []byte{6}, "not plain RTMP"},
		{"a command", false, join(greeting, header0(3, 10, 20), make([]byte, 10)), ""},
		{"a huge command", false, join(greeting, header0(3, maxCommand+1, 20)), "message of"},
		{"a huge command once admitted", true, join(greeting, header0(3, maxCommand+1, 18)), "message of"},
		{"a key frame before admission", false, join(greeting, header0(6, 1<<20, typeVideo)), "message of"},
		{"a key frame", true, join(greeting, header0(6, 1<<20, typeVideo)), ""},
		{"a monstrous key frame", true, join(greeting, header0(6, maxMedia+1, typeVideo)), "message of"},
		{"many unfinished messages", true, join(greeting, header0(6, maxMedia, typeVideo), make([]byte, 128), header0(7, maxMedia, typeVideo)), "unfinished"},
		{"an unfinished message that was aborted", true, join(greeting, header0(6, maxMedia, typeVideo), make([]byte, 128), control(typeAbort, 6), header0(7, maxMedia, typeVideo)), ""},
		{"tiny chunks", true, join(greeting, control(typeSetChunkSize, 1)), "chunk size"},
		{"giant chunks", true, join(greeting, control(typeSetChunkSize, 1<<30)), "chunk size"},
		{"an extended chunk stream id", true, join(greeting, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), "extended chunk stream"},
		{"a chunk that continues nothing", true, join(greeting, []byte{0xc5}), "without a first"},
		{"a message in the middle of another", true, join(greeting, header0(6, 1000, typeVideo), make([]byte, 128), header0(6, 10, typeVideo)), "cut short"},
		{"endless talk before publishing", false, join(greeting, bytes.Repeat(join(header0(3, 100, 20), make([]byte, 100)), 1000)), "before publishing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuard(bytes.NewReader(tt.sent))
			g.admitted.Store(tt.admitted)
			_, err := io.Copy(io.Discard, g)
			if tt.refusal == "" && err != nil || tt.refusal != "" && (!errors.Is(err, errBounds) || !strings.Contains(err.Error(), tt.refusal)) {
				t.Errorf("error %v, want %q", err, tt.refusal)
			}
		})
	}
}

// FuzzGuard feeds the guard and, behind it, the library: whatever the bytes
// are, neither panics, and no message is larger than the guard allows.
func FuzzGuard(f *testing.F) {
	f.Add(join(header0(3, 10, 20), make([]byte, 10), control(typeSetChunkSize, 4096)), true)
	f.Add(join(header0(6, 200, typeVideo), make([]byte, 128), []byte{0xc6}, make([]byte, 72)), true)
	f.Add(join([]byte{6, 0xff, 0xff, 0xff, 0, 0, 5, 9, 0, 0, 0, 1, 1, 0, 0, 0}, make([]byte, 5), []byte{0x46, 0, 0, 1, 0, 0, 3, 8, 1, 2, 3}), true)
	f.Add(join(header0(3, 50, 20), []byte("\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x03\x00\x00\x09"), make([]byte, 30)), false)
	for _, body := range [][]byte{
		append([]byte("\x80hvc1"), unhex("01016000000090000000000000f000fcfdf8f800000f00")...),
		append([]byte("\x80av01"), unhex("81000c000a0b000000043cfeccdaf90040")...),
		append([]byte("\x83vp09"), unhex("824983420013f00b3606")...),
		append([]byte("\x90Opus"), []byte("OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00")...),
		[]byte("\x96\x01mp4a\x01\x21\x10"),
	} {
		kind := byte(typeVideo)
		if body[0]&0xf0 == 0x90 {
			kind = typeAudio
		}
		f.Add(join(header0(6, uint32(len(body)), kind), body), true)
	}
	f.Fuzz(func(t *testing.T, sent []byte, admitted bool) {
		g := newGuard(bytes.NewReader(append(bytes.Clone(greeting), sent...)))
		g.admitted.Store(admitted)
		if _, err := io.ReadFull(g, make([]byte, len(greeting))); err != nil {
			return
		}
		counter := bytecounter.NewReadWriter(struct {
			io.Reader
			io.Writer
		}{g, io.Discard})
		messages := message.NewReadWriter(counter, counter, false)
		d := newDemuxer(&recorder{})
		for {
			m, err := messages.Read()
			if err != nil {
				return
			}
			if v, ok := m.(*message.Video); ok && len(v.AU) > maxMedia {
				t.Fatalf("a picture of %d bytes", len(v.AU))
			}
			if err := d.handle(m); err != nil {
				return
			}
		}
	})
}
