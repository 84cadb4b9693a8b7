package api

import (
	"net/http"
	"time"

	"roomcast/rooms"
)

// JoinToken is a minted door to a room, for one person or a few.
type JoinToken struct {
	ID         string     `json:"id"`
	Name       *string    `json:"name" doc:"The name they join under; null lets them choose"`
	Role       rooms.Role `json:"role" enum:"moderator,participant"`
	ExternalID *string    `json:"external_id" doc:"Yours, shown with the participant; a removal bans it for the run"`
	ExpiresAt  *time.Time `json:"expires_at"`
	MaxUses    *int64     `json:"max_uses"`
	Uses       int64      `json:"uses"`
	CreatedAt  time.Time  `json:"created_at"`
	Token      string     `json:"token,omitempty" doc:"Only in the answer that mints it"`
	URL        string     `json:"url,omitempty" format:"uri" doc:"Only in the answer that mints it"`
}

// JoinTokenCreate is the body of a minting.
type JoinTokenCreate struct {
	Name       *string    `json:"name,omitempty" nullable:"true" maxLength:"64"`
	Role       string     `json:"role,omitempty" enum:"moderator,participant" default:"participant"`
	ExternalID *string    `json:"external_id,omitempty" nullable:"true"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty" nullable:"true"`
	MaxUses    *int64     `json:"max_uses,omitempty" nullable:"true" minimum:"1"`
}

func (s *Service) joinTokenCalls() []*call {
	path := "/api/v1/rooms/{id}/join_tokens"
	return []*call{
		{
			id: "list-join-tokens", method: http.MethodGet, path: path, tag: tagJoinTokens,
			summary: "List a room's join tokens", access: byKey, query: paging, status: http.StatusOK, answer: List[JoinToken]{},
			handle: func(v *visit) (reply, error) {
				limit, cursor, err := v.page()
				if err != nil {
					return reply{}, err
				}
				page, err := v.api.options.Registry.JoinTokens(v.context(), v.path("id"), limit, cursor)
				if err != nil {
					return reply{}, err
				}
				return reply{body: newList(page, func(t rooms.JoinToken) JoinToken { return newJoinToken(t, baseURL{}) })}, nil
			},
		},
		{
			id: "create-join-token", method: http.MethodPost, path: path, tag: tagJoinTokens,
			summary: "Mint a join token", description: "Its URL admits without a code, as what it was minted for.",
			access: byKey, scope: rooms.ScopeSecrets, body: JoinTokenCreate{}, bodyOptional: true, status: http.StatusCreated, answer: JoinToken{},
			creates: true, handle: mintJoinToken,
		},
		{
			id: "delete-join-token", method: http.MethodDelete, path: path + "/{tid}", tag: tagJoinTokens,
			summary: "Delete a join token", description: "Sessions that came by it end.", access: byKey, status: http.StatusNoContent,
			handle: func(v *visit) (reply, error) {
				return reply{}, v.api.options.Registry.DeleteJoinToken(v.context(), v.path("id"), v.path("tid"))
			},
		},
	}
}

func mintJoinToken(v *visit) (reply, error) {
	base, room := v.api.base(v.info), v.path("id")
	render := func(created any) (reply, error) {
		token, ok := created.(rooms.JoinToken)
		if !ok {
			return reply{}, errNotCreated
		}
		return reply{body: newJoinToken(token, base), location: "/api/v1/rooms/" + room + "/join_tokens/" + token.ID}, nil
	}
	return v.create(render, func(w rooms.WriteOptions) (any, *rooms.Replay, error) {
		return v.api.options.Registry.MintJoinToken(v.context(), room, v.body, w)
	})
}

// newJoinToken renders a join token; the token itself is there only when it has just been minted.
func newJoinToken(t rooms.JoinToken, base baseURL) JoinToken {
	out := JoinToken{
		ID: t.ID, Name: orNull(t.Name), Role: t.Role, ExternalID: orNull(t.ExternalID),
		ExpiresAt: t.ExpiresAt, MaxUses: t.MaxUses, Uses: t.Uses, CreatedAt: t.CreatedAt,
	}
	if !t.Token.IsZero() {
		out.Token, out.URL = t.Token.Reveal(), base.join(t.Token)
	}
	return out
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
