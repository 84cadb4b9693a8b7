package api_test

import (
	"fmt"
	"net/http"
	"testing"
)

func TestAModeratorKeepsTheChatInOrderByTheAPI(t *testing.T) {
	h := newHouse(t, nil)
	room := h.room(`{"room_name":"Evening news","room_type":"live"}`)
	chat := "/api/v1/rooms/" + room.str("id") + "/chat"
	moderator := []string{"Authorization", "Bearer " + h.join(room.str("moderator_token"), `,"name":"Mo"`).str("session")}

	first := h.must(http.StatusCreated, "POST", chat, `{"text":"We begin at eight"}`)
	if first.str("name") != "Evening news" || first.str("role") != "moderator" || first.body["participant_id"] != nil || first.header.Get("Location") != chat+"/"+first.str("id") {
		t.Errorf("the operator's message is %s", first.text)
	}
	h.must(http.StatusCreated, "POST", chat, `{"text":"<b>no markup</b>","name":" Ann "}`)
	mine := h.ask("POST", chat, `{"text":"Welcome"}`, moderator...)
	if mine.status != http.StatusCreated || mine.str("name") != "Mo" || mine.body["participant_id"] == nil {
		t.Errorf("the moderator's message is %d %s", mine.status, mine.text)
	}
	h.expect(h.ask("POST", chat, `{"text":"Welcome","name":"Another"}`, moderator...), 422, "read_only")

	pinned := h.ask("PUT", chat+"/pinned", `{"message_id":"`+first.str("id")+`"}`, moderator...)
	if pinned.status != http.StatusOK || pinned.str("id") != first.str("id") {
		t.Errorf("the pinned message is %d %s", pinned.status, pinned.text)
	}
	page := h.ask("GET", chat, "", moderator...)
	items := page.items()
	if len(items) != 3 || items[0]["id"] != first.str("id") || items[1]["text"] != "<b>no markup</b>" || items[1]["name"] != "Ann" || items[2]["name"] != "Mo" ||
		page.body["pinned"].(map[string]any)["id"] != first.str("id") {
		t.Errorf("the chat is %s", page.text)
	}

	h.must(http.StatusNoContent, "DELETE", chat+"/"+first.str("id"), "")
	h.expect(h.admin("DELETE", chat+"/"+first.str("id"), ""), 404, "not_found")
	later := h.must(http.StatusOK, "GET", chat+"?after="+first.str("id")+"&limit=1", "")
	if items := later.items(); len(items) != 1 || items[0]["name"] != "Ann" || later.body["pinned"] != nil {
		t.Errorf("after the first, %s", later.text)
	}
	rest := h.must(http.StatusOK, "GET", chat+"?after="+fmt.Sprint(later.body["seq"]), "")
	if items := rest.items(); len(items) != 1 || items[0]["name"] != "Mo" {
		t.Errorf("the rest is %s", rest.text)
	}
	if end := h.must(http.StatusOK, "GET", chat+"?after="+fmt.Sprint(rest.body["seq"]), ""); len(end.items()) != 0 || end.body["seq"] != rest.body["seq"] {
		t.Errorf("after all, %s", end.text)
	}
	h.must(http.StatusOK, "PUT", chat+"/pinned", `{"message_id":"`+mine.str("id")+`"}`)
	h.must(http.StatusNoContent, "DELETE", chat+"/pinned", "")
	h.must(http.StatusNoContent, "DELETE", chat+"/pinned", "")
	if page := h.must(http.StatusOK, "GET", chat, ""); page.body["pinned"] != nil {
		t.Errorf("after unpinning, %s", page.text)
	}
}

func TestARoomWithoutChatTakesNoMessage(t *testing.T) {
	h := newHouse(t, nil)
	room := h.room(`{"room_name":"x","room_type":"live","room_features":{"chat":false}}`)
	h.expect(h.admin("POST", "/api/v1/rooms/"+room.str("id")+"/chat", `{"text":"a"}`), 403, "forbidden")
}
