package transcode

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"roomcast/media"
)

// maxPicture bounds one coded picture, in bytes.
const maxPicture = 32 << 20

// pictureClock is the clock of pictures on their way to and from ffmpeg.
const pictureClock = 90000

// sets are the parameter sets found on the way.
type sets struct{ vps, sps, pps []byte }

// picture is one coded picture as ffmpeg made it.
type picture struct {
	pts, dts int64 // on pictureClock; of MPEG-TS the lowest 33 bits
	key      bool
	payload  []byte // as in media.Unit
	sets     sets   // those that came with it
}

// readTS reads H.264 or H.265 pictures from MPEG-TS until r ends.
func readTS(r io.Reader, take func(picture) error) error {
	d := &mpegts.Reader{R: bufio.NewReaderSize(r, 32<<10)}
	if err := d.Initialize(); err != nil {
		return fmt.Errorf("read pictures: %w", err)
	}
	for _, t := range d.Tracks() {
		hand := func(pack func([][]byte) picture) func(pts, dts int64, au [][]byte) error {
			return func(pts, dts int64, au [][]byte) error {
				p := pack(au)
				p.pts, p.dts = pts, dts
				return take(p)
			}
		}
		switch t.Codec.(type) {
		case *codecs.H264:
			d.OnDataH264(t, hand(packH264))
		case *codecs.H265:
			d.OnDataH265(t, hand(packH265))
		}
	}
	for {
		if err := d.Read(); err != nil {
			return ended(err)
		}
	}
}

// ended is nil for the regular end of a pipe.
func ended(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fmt.Errorf("read pictures: %w", err)
}

func packH264(au [][]byte) (p picture) {
	for _, n := range au {
		switch media.NALType(n) {
		case media.NALSPS:
			p.sets.sps = n
		case media.NALPPS:
			p.sets.pps = n
		case media.NALDelimiter, media.NALFiller:
		default:
			p.key = p.key || media.NALType(n) == media.NALIDR
			p.payload = media.AppendNAL(p.payload, n)
		}
	}
	return p
}

func packH265(au [][]byte) (p picture) {
	for _, n := range au {
		switch t := media.HEVCType(n); t {
		case media.HEVCVPS:
			p.sets.vps = n
		case media.HEVCSPS:
			p.sets.sps = n
		case media.HEVCPPS:
			p.sets.pps = n
		case media.HEVCDelimiter, media.HEVCFiller:
		default:
			p.key = p.key || t >= media.HEVCFirstIRAP && t <= media.HEVCLastIRAP
			p.payload = media.AppendNAL(p.payload, n)
		}
	}
	return p
}

var errIVF = errors.New("malformed IVF")

// readIVF reads the frames of an IVF file until r ends: 32 bytes of header, then
// each frame after its size and timestamp.
func readIVF(r io.Reader, take func(picture) error) error {
	var h [32]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return ended(err)
	}
	if string(h[:4]) != "DKIF" {
		return errIVF
	}
	for {
		if _, err := io.ReadFull(r, h[:12]); err != nil {
			return ended(err)
		}
		size := binary.LittleEndian.Uint32(h[:])
		if size > maxPicture {
			return errIVF
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(r, b); err != nil {
			return ended(err)
		}
		pts := int64(binary.LittleEndian.Uint64(h[4:]))
		if err := take(picture{pts: pts, dts: pts, payload: b}); err != nil {
			return err
		}
	}
}

// ivfHeader begins an IVF file of a codec, on pictureClock.
func ivfHeader(fourCC string, width, height int) []byte {
	b := append([]byte("DKIF"), 0, 0, 32, 0)
	b = append(b, fourCC...)
	b = binary.LittleEndian.AppendUint16(b, uint16(width))
	b = binary.LittleEndian.AppendUint16(b, uint16(height))
	b = binary.LittleEndian.AppendUint32(b, pictureClock)
	b = binary.LittleEndian.AppendUint32(b, 1)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
}

// appendIVFFrame appends the header of a frame of n bytes.
func appendIVFFrame(dst []byte, n int, pts int64) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	return binary.LittleEndian.AppendUint64(dst, uint64(pts))
}
