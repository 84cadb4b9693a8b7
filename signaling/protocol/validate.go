package protocol

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxParticipantIDChars = 64
	maxMidChars           = 32
	maxCandidateChars     = 1024
	maxTilePixels         = 16384
	maxChatIDChars        = 20
)

// validate returns what is wrong with a message that has been read, or "".
func validate(m ClientMessage) string {
	switch m := m.(type) {
	case *Hello:
		if m.Session.IsZero() {
			return "session is missing"
		}
		if utf8.RuneCountInString(m.Resume) > maxParticipantIDChars {
			return "resume is too long"
		}
		if m.ChatAfter < 0 {
			return "chat_after cannot be below 0"
		}
	case *Offer:
		return validateOffer(m)
	case *Candidate:
		if len(m.Candidate) > maxCandidateChars {
			return fmt.Sprintf("candidate is longer than %d characters", maxCandidateChars)
		}
		if m.Mid == nil && m.MLineIndex == nil && m.Candidate != "" {
			return "mid or mline_index is missing"
		}
	case *Mute:
		return validateMute(m)
	case *View:
		return validateView(m)
	case *ChatSend:
		return ChatFault(m.Text)
	case *Hand:
		if len(m.Participant) > maxParticipantIDChars {
			return "participant is too long"
		}
		if m.Participant != "" && m.Raised {
			return "nobody raises the hand of another"
		}
	case *ChatDelete:
		return validateChatID(m.Message)
	case *ChatPin:
		return validateChatID(m.Message)
	case *ModeratorMute:
		return validateKinds(m.Participant, m.Kinds, MuteKinds())
	case *ModeratorUnmute:
		return validateKinds(m.Participant, m.Kinds, []MuteKind{MuteChat})
	case *Remove:
		return validateParticipant(m.Participant)
	}
	return ""
}

func validateOffer(m *Offer) string {
	if m.SDP == "" {
		return "sdp is missing"
	}
	if len(m.Tracks) > MaxTracks {
		return fmt.Sprintf("tracks has more than %d entries", MaxTracks)
	}
	for i, t := range m.Tracks {
		if t.Mid == "" || len(t.Mid) > maxMidChars {
			return fmt.Sprintf("tracks[%d].mid must have 1 to %d characters", i, maxMidChars)
		}
		if !t.Source.Valid() {
			return fmt.Sprintf("tracks[%d].source is not a source", i)
		}
		if slices.ContainsFunc(m.Tracks[:i], func(o OfferedTrack) bool { return o.Mid == t.Mid || o.Source == t.Source }) {
			return fmt.Sprintf("tracks[%d] repeats a mid or source", i)
		}
	}
	return ""
}

func validateMute(m *Mute) string {
	if len(m.Sources) == 0 || len(m.Sources) > MaxTracks {
		return fmt.Sprintf("sources must have 1 to %d entries", MaxTracks)
	}
	for i, s := range m.Sources {
		if !s.Valid() {
			return fmt.Sprintf("sources[%d] is not a source", i)
		}
	}
	return ""
}

func validateView(m *View) string {
	if len(m.Tiles) > MaxTiles {
		return fmt.Sprintf("tiles has more than %d entries", MaxTiles)
	}
	for i, t := range m.Tiles {
		if fault := validateParticipant(t.Participant); fault != "" {
			return fmt.Sprintf("tiles[%d].%s", i, fault)
		}
		if t.Source != Camera && t.Source != Screen {
			return fmt.Sprintf("tiles[%d].source must be camera or screen", i)
		}
		if t.Width < 1 || t.Width > maxTilePixels || t.Height < 1 || t.Height > maxTilePixels {
			return fmt.Sprintf("tiles[%d].width and height must be 1 to %d", i, maxTilePixels)
		}
		if slices.ContainsFunc(m.Tiles[:i], func(o Tile) bool { return o.Participant == t.Participant && o.Source == t.Source }) {
			return fmt.Sprintf("tiles[%d] repeats an earlier tile", i)
		}
	}
	return ""
}

// ChatFault returns what is wrong with a chat message's text, or "".
func ChatFault(text string) string {
	if n := utf8.RuneCountInString(text); n > MaxChatChars {
		return fmt.Sprintf("text is longer than %d characters", MaxChatChars)
	}
	if strings.TrimSpace(text) == "" {
		return "text is empty"
	}
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return "text has control characters other than newline and tab"
		}
	}
	return ""
}

func validateKinds(participant string, kinds, allowed []MuteKind) string {
	if len(kinds) == 0 || len(kinds) > len(allowed) {
		return fmt.Sprintf("kinds must have 1 to %d entries", len(allowed))
	}
	for i, k := range kinds {
		if !slices.Contains(allowed, k) {
			return fmt.Sprintf("kinds[%d] must be one of %v", i, allowed)
		}
	}
	return validateParticipant(participant)
}

func validateChatID(id string) string {
	if id == "" || len(id) > maxChatIDChars {
		return fmt.Sprintf("message must have 1 to %d characters", maxChatIDChars)
	}
	return ""
}

func validateParticipant(id string) string {
	if id == "" || len(id) > maxParticipantIDChars {
		return fmt.Sprintf("participant must have 1 to %d characters", maxParticipantIDChars)
	}
	return ""
}
