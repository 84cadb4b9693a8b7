package transcode

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errADTS is answered for sound that does not begin with a frame's header.
var errADTS = errors.New("malformed ADTS frame")

// readADTS reads the next frame of AAC and returns its raw access unit
// (ISO 13818-7, section 6.2), in memory of its own.
func readADTS(r *bufio.Reader) ([]byte, error) {
	h, err := r.Peek(7)
	if err != nil {
		if errors.Is(err, io.EOF) && len(h) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if h[0] != 0xff || h[1]&0xf6 != 0xf0 || h[6]&3 != 0 {
		return nil, errADTS
	}
	header := 7
	if h[1]&1 == 0 {
		header = 9 // with a checksum
	}
	size := int(h[3]&3)<<11 | int(h[4])<<3 | int(h[5])>>5
	if size <= header {
		return nil, errADTS
	}
	if _, err := r.Discard(header); err != nil {
		return nil, fmt.Errorf("read ADTS frame: %w", err)
	}
	b := make([]byte, size-header)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("read ADTS frame: %w", err)
	}
	return b, nil
}
