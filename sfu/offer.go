package sfu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Limits of an offer. PROTOCOL.md names them, and a test of package signaling
// keeps the two the same.
const (
	// MaxSections is how many media sections an offer may have.
	MaxSections = 48
	// MaxAudioSlots and MaxVideoSlots are how many receive-only sections are served.
	MaxAudioSlots = 6
	MaxVideoSlots = 25

	// maxSources is how many a=ssrc lines a section may have: browsers write
	// some four for a stream and as many for its retransmissions.
	maxSources = 16

	maxMidChars = 16 // a header extension of one byte's length holds no more
)

// Refusal is an offer or candidate that is not taken, through the client's fault.
type Refusal struct {
	// TooMuch is whether a limit was hit; otherwise what was sent cannot be used.
	TooMuch bool
	// Detail says what is wrong, without repeating more than a mid.
	Detail string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Detail }

func refuse(format string, args ...any) error { return &Refusal{Detail: fmt.Sprintf(format, args...)} }

// Track is a section of an offer that carries media of the client.
type Track struct {
	Mid    string
	Source Source
	// Audio is whether the source is heard; the section must be of that kind.
	Audio bool
}

// section is what matters of one media section of an offer.
type section struct {
	mid       string
	audio     bool
	direction webrtc.RTPTransceiverDirection
}

// offer is an SDP offer that has been looked through.
type offer struct {
	// session tells PeerConnections apart: the number of the o= line.
	session  uint64
	sections []section // audio and video
}

// readOffer checks an SDP offer before the library gets to see it.
func readOffer(text string) (offer, error) {
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(text); err != nil {
		return offer{}, refuse("the SDP cannot be read")
	}
	if len(desc.MediaDescriptions) == 0 {
		return offer{}, refuse("the SDP has no media section")
	}
	if len(desc.MediaDescriptions) > MaxSections {
		return offer{}, &Refusal{TooMuch: true, Detail: fmt.Sprintf("an offer has at most %d media sections", MaxSections)}
	}
	group, _ := desc.Attribute(sdp.AttrKeyGroup)
	bundle := strings.Fields(group)
	if len(bundle) == 0 || bundle[0] != "BUNDLE" {
		return offer{}, refuse("the SDP has no BUNDLE group")
	}
	o := offer{session: desc.Origin.SessionID}
	var mids []string
	candidates := count(desc.Attributes, sdp.AttrKeyCandidate)
	for _, media := range desc.MediaDescriptions {
		mid, _ := media.Attribute(sdp.AttrKeyMID)
		if mid == "" || len(mid) > maxMidChars {
			return offer{}, refuse("each section needs an a=mid of 1 to %d characters", maxMidChars)
		}
		if slices.Contains(mids, mid) {
			return offer{}, refuse("two sections have the mid %q", mid)
		}
		mids = append(mids, mid)
		if media.MediaName.Port.Value != 0 && !slices.Contains(bundle[1:], mid) {
			return offer{}, refuse("section %q is not in the BUNDLE group", mid)
		}
		if _, simulcast := media.Attribute("simulcast"); simulcast {
			return offer{}, refuse("section %q has simulcast, which is not taken", mid)
		}
		if count(media.Attributes, sdp.AttrKeySSRC) > maxSources {
			return offer{}, &Refusal{TooMuch: true, Detail: fmt.Sprintf("section %q has more than %d a=ssrc lines", mid, maxSources)}
		}
		if candidates += count(media.Attributes, sdp.AttrKeyCandidate); candidates > MaxCandidates {
			return offer{}, &Refusal{TooMuch: true, Detail: fmt.Sprintf("an offer has at most %d candidates", MaxCandidates)}
		}
		kind := media.MediaName.Media
		if kind != "audio" && kind != "video" {
			return offer{}, refuse("section %q is neither audio nor video", mid)
		}
		o.sections = append(o.sections, section{mid: mid, audio: kind == "audio", direction: direction(media)})
	}
	return o, nil
}

func count(attributes []sdp.Attribute, key string) (n int) {
	for _, a := range attributes {
		if a.Key == key {
			n++
		}
	}
	return n
}

func direction(media *sdp.MediaDescription) webrtc.RTPTransceiverDirection {
	for _, a := range media.Attributes {
		switch a.Key {
		case sdp.AttrKeySendOnly:
			return webrtc.RTPTransceiverDirectionSendonly
		case sdp.AttrKeyRecvOnly:
			return webrtc.RTPTransceiverDirectionRecvonly
		case sdp.AttrKeyInactive:
			return webrtc.RTPTransceiverDirectionInactive
		}
	}
	return webrtc.RTPTransceiverDirectionSendrecv
}

// check compares what is to be published with the sections there are.
func (o *offer) check(tracks []Track) error {
	for _, t := range tracks {
		i := slices.IndexFunc(o.sections, func(s section) bool { return s.mid == t.Mid })
		if i < 0 {
			return refuse("there is no section %q", t.Mid)
		}
		s := o.sections[i]
		if s.audio != t.Audio {
			return refuse("section %q is of the wrong kind for %s", t.Mid, t.Source)
		}
		if s.direction != webrtc.RTPTransceiverDirectionSendonly && s.direction != webrtc.RTPTransceiverDirectionSendrecv {
			return refuse("section %q sends nothing", t.Mid)
		}
	}
	return nil
}
