// Package vp8 reads and rewrites the VP8 payload descriptor (RFC 7741 section
// 4.2): where a frame begins, whether it is a key frame, and the counters that
// must go on without a jump when one stream takes another's place.
//
// It touches the first bytes of a payload only and never the picture.
package vp8

import "encoding/binary"

// Widths of a picture id.
const (
	NoPictureID    = 0
	ShortPictureID = 7
	LongPictureID  = 15
)

// Descriptor is what stands before a packet's piece of a VP8 frame.
type Descriptor struct {
	// Size is how many bytes the descriptor takes.
	Size int
	// Start is whether the packet begins a frame (S set, partition 0).
	Start bool
	// KeyFrame is whether the packet begins a key frame.
	KeyFrame bool
	// PictureIDBits is the width of PictureID: NoPictureID, ShortPictureID or LongPictureID.
	PictureIDBits int
	PictureID     uint16
	HasTL0PicIdx  bool
	TL0PicIdx     uint8

	pictureIDAt, tl0At int
}

// Parse reads the descriptor of payload. It reports false for a payload that
// is too short to hold what it announces.
func Parse(payload []byte) (Descriptor, bool) {
	var d Descriptor
	if len(payload) < 1 {
		return d, false
	}
	first := payload[0]
	at := 1
	if first&0x80 != 0 {
		var ok bool
		if at, ok = d.parseExtension(payload); !ok {
			return Descriptor{}, false
		}
	}
	if len(payload) <= at {
		return Descriptor{}, false
	}
	d.Size = at
	d.Start = first&0x10 != 0 && first&0x07 == 0
	d.KeyFrame = d.Start && payload[at]&0x01 == 0
	return d, true
}

// parseExtension reads the fields that the X bit announces and returns where the descriptor ends.
func (d *Descriptor) parseExtension(payload []byte) (int, bool) {
	if len(payload) < 2 {
		return 0, false
	}
	flags := payload[1]
	at := 2
	if flags&0x80 != 0 {
		if len(payload) <= at {
			return 0, false
		}
		d.pictureIDAt = at
		if payload[at]&0x80 != 0 {
			if len(payload) <= at+1 {
				return 0, false
			}
			d.PictureIDBits = LongPictureID
			d.PictureID = binary.BigEndian.Uint16(payload[at:]) & 0x7fff
			at += 2
		} else {
			d.PictureIDBits = ShortPictureID
			d.PictureID = uint16(payload[at] & 0x7f)
			at++
		}
	}
	if flags&0x40 != 0 {
		if len(payload) <= at {
			return 0, false
		}
		d.HasTL0PicIdx = true
		d.TL0PicIdx = payload[at]
		d.tl0At = at
		at++
	}
	if flags&0x30 != 0 {
		at++
	}
	return at, true
}

// Rewrite puts other counters into payload, the one d was parsed from or a
// copy of it. Fields the descriptor does not have are left out, and a picture
// id keeps its width.
func (d *Descriptor) Rewrite(payload []byte, pictureID uint16, tl0PicIdx uint8) {
	switch d.PictureIDBits {
	case LongPictureID:
		binary.BigEndian.PutUint16(payload[d.pictureIDAt:], pictureID&0x7fff|0x8000)
	case ShortPictureID:
		payload[d.pictureIDAt] = uint8(pictureID & 0x7f)
	}
	if d.HasTL0PicIdx {
		payload[d.tl0At] = tl0PicIdx
	}
}
