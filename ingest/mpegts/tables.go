package mpegts

import (
	"encoding/binary"
	"slices"

	"golang.org/x/text/language"

	"roomcast/ingest"
	"roomcast/media"
)

const (
	tablePAT, tablePMT = 0, 2
	// maxSection is the largest section of the tables that are read (ISO 13818-1, 2.4.4).
	maxSection = 1024
)

// Stream types (ISO 13818-1, table 2-34) and descriptor tags.
const (
	typePrivate = 0x06
	typeADTS    = 0x0f
	typeH264    = 0x1b
	typeHEVC    = 0x24

	tagRegistration = 0x05
	tagLanguage     = 0x0a
	tagExtension    = 0x7f
	extensionOpus   = 0x80
)

// others are the stream types of pictures and sounds that are not taken.
var others = map[byte]string{
	0x01: "MPEG-1 video", 0x02: "MPEG-2 video", 0x10: "MPEG-4 video", 0x33: "H.266", 0x42: "AVS video", 0xea: "VC-1",
	0x03: "MPEG audio", 0x04: "MPEG audio", 0x11: "AAC in LATM", 0x81: "AC-3", 0x82: "DTS", 0x87: "E-AC-3",
}

// section is a table's section that is being put together.
type section struct{ data []byte }

// table takes the payload of a packet of a table.
func (d *Demuxer) table(pid uint16, begins bool, body []byte) error {
	s := d.tables[pid]
	if s == nil {
		s = &section{}
		d.tables[pid] = s
	}
	if begins {
		pointer := int(body[0])
		if 1+pointer > len(body) {
			return nil
		}
		if len(s.data) > 0 { // its end may stand before the new one
			s.data = append(s.data, body[1:1+pointer]...)
			if err := d.sections(pid, s); err != nil {
				return err
			}
		}
		s.data = append(s.data[:0], body[1+pointer:]...)
		return d.sections(pid, s)
	}
	if len(s.data) == 0 || len(s.data)+len(body) > 2*maxSection {
		s.data = s.data[:0]
		return nil
	}
	s.data = append(s.data, body...)
	return d.sections(pid, s)
}

// sections takes all sections that have come in whole.
func (d *Demuxer) sections(pid uint16, s *section) error {
	for len(s.data) >= 3 && s.data[0] != 0xff {
		n := 3 + int(s.data[1]&0x0f)<<8 + int(s.data[2])
		if n > maxSection {
			s.data = s.data[:0]
			return nil
		}
		if len(s.data) < n {
			return nil
		}
		whole := slices.Clone(s.data[:n])
		s.data = append(s.data[:0], s.data[n:]...)
		if err := d.section(pid, whole); err != nil {
			return err
		}
	}
	if len(s.data) > 0 && s.data[0] == 0xff { // stuffing
		s.data = s.data[:0]
	}
	return nil
}

// section takes a section of the program association or map.
func (d *Demuxer) section(pid uint16, b []byte) error {
	if len(b) < 12 || b[5]&1 == 0 || checksum(b) != 0 {
		return nil // too short, not in force yet, or damaged
	}
	switch body := b[8 : len(b)-4]; {
	case pid == 0 && b[0] == tablePAT:
		for ; len(body) >= 4; body = body[4:] {
			if program := binary.BigEndian.Uint16(body); program != 0 {
				if at := int(binary.BigEndian.Uint16(body[2:]) & 0x1fff); at != d.pmtPID {
					d.pmtPID, d.version = at, -1
					clear(d.tables)
				}
				return nil
			}
		}
	case int(pid) == d.pmtPID && b[0] == tablePMT:
		version := int(b[5] >> 1 & 0x1f)
		if version == d.version {
			return nil
		}
		d.version = version
		return d.program(body)
	}
	return nil
}

// program takes a program map: the streams there are.
func (d *Demuxer) program(b []byte) error {
	if len(b) < 4 {
		return nil
	}
	skip := 4 + int(binary.BigEndian.Uint16(b[2:])&0x0fff)
	if skip > len(b) {
		return nil
	}
	var refused string
	var video *stream
	var audio []*stream
	for b = b[skip:]; len(b) >= 5; {
		kind, pid := b[0], binary.BigEndian.Uint16(b[1:])&0x1fff
		n := 5 + int(binary.BigEndian.Uint16(b[3:])&0x0fff)
		if n > len(b) {
			return nil
		}
		s, name := describe(pid, kind, b[5:n])
		b = b[n:]
		switch {
		case s == nil:
			if name != "" {
				refused = name
			}
		case s.kind == media.Video && video == nil:
			video = s
		case s.kind == media.Audio && len(audio) < media.MaxAudioTracks:
			audio = append(audio, s)
		}
	}
	order := audio
	if video != nil {
		order = append([]*stream{video}, audio...)
	}
	if len(order) == 0 && refused != "" {
		return ingest.Unsupported("%s", refused)
	}
	d.adopt(order)
	return d.entry.Renew()
}

// adopt takes up the streams of a program map. Those that were there before go on.
func (d *Demuxer) adopt(order []*stream) {
	streams := make(map[uint16]*stream, len(order))
	for i, s := range order {
		if old := d.streams[s.pid]; old != nil && old.codec == s.codec && old.language == s.language && old.channels == s.channels {
			order[i] = old
		}
		streams[s.pid] = order[i]
	}
	d.streams, d.order = streams, order
}

// describe makes a stream of an entry in the program map; of one that is not
// taken it tells the name, if it is a picture or a sound.
func describe(pid uint16, kind byte, descriptors []byte) (s *stream, refused string) {
	s = &stream{pid: pid}
	var registered string
	for b := descriptors; len(b) >= 2 && 2+int(b[1]) <= len(b); b = b[2+int(b[1]):] {
		content := b[2 : 2+int(b[1])]
		switch {
		case b[0] == tagRegistration && len(content) >= 4:
			registered = string(content[:4])
		case b[0] == tagLanguage && len(content) >= 3:
			s.language = languageOf(content[:3])
		case b[0] == tagExtension && len(content) >= 2 && content[0] == extensionOpus:
			s.channels = int(content[1])
		}
	}
	switch kind {
	case typeH264:
		s.video(media.H264)
	case typeHEVC:
		s.video(media.H265)
	case typeADTS:
		s.audio(media.AAC)
	case typePrivate:
		switch registered {
		case "Opus":
			if s.channels == 0 {
				s.channels = 2 // dual mono
			}
			if s.channels > 2 {
				return nil, "Opus with more than two channels"
			}
			s.audio(media.Opus)
		case "AC-3", "EAC3", "BSSD", "AV01", "VP09":
			return nil, registered
		default:
			return nil, ""
		}
	default:
		return nil, others[kind]
	}
	return s, ""
}

// bibliographic are the codes of ISO 639-2/B that differ from the terminological
// ones, which are those that the library knows.
var bibliographic = map[string]string{
	"alb": "sq", "arm": "hy", "baq": "eu", "bur": "my", "chi": "zh", "cze": "cs", "dut": "nl", "fre": "fr", "geo": "ka", "ger": "de",
	"gre": "el", "ice": "is", "mac": "mk", "mao": "mi", "may": "ms", "per": "fa", "rum": "ro", "slo": "sk", "tib": "bo", "wel": "cy",
}

// languageOf is the language of an ISO 639-2 code as BCP 47 has it, "" for a
// code that says nothing.
func languageOf(code []byte) string {
	switch s := string(code); s {
	case "und", "mis", "zxx", "mul": // undetermined, uncoded, none, several
		return ""
	default:
		if known, ok := bibliographic[s]; ok {
			return known
		}
		base, err := language.ParseBase(s)
		if err != nil {
			return ""
		}
		return base.String()
	}
}

// crcTable is of the CRC of sections (ISO 13818-1, annex A).
var crcTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// checksum is 0 over a whole section that is not damaged.
func checksum(b []byte) uint32 {
	c := ^uint32(0)
	for _, v := range b {
		c = c<<8 ^ crcTable[byte(c>>24)^v]
	}
	return c
}
