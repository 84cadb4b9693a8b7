import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { JoinAnswer } from "$lib/api";
import { RoomSession } from "$lib/session";
import type { Socket } from "$lib/signaling/client";
import { Room } from "./room.svelte";

const permissions = { audio: true, video: true, screen: true, chat: true, chat_muted: false, moderate: false };
const info = { id: "r1", room_name: "Demo", room_type: "meet", room_description: "", status: "active", starts_at: null, features: {} };
const joined = {
  session: "s1",
  expires_at: "2030-01-01T13:00:00Z",
  participant_id: "me",
  role: "participant",
  name: "Ada",
  admission: "admitted",
  room: info,
  stream: null,
  endpoints: { signaling: "ws://room.test/ws" },
  ice_servers: [],
} as JoinAnswer;

const person = (id: string, more: Record<string, unknown> = {}) => ({ id, name: id, role: "participant", joined_at: "2030-01-01T12:00:00Z", hand: false, tracks: [], ...more });
const said = (id: string, participant: string) => ({ id, participant, name: participant, role: "participant", text: `message ${id}`, at: "2030-01-01T12:00:00Z" });
const tells = (id: number, participant: string) => ({ seq: id, kind: "said", message: said(String(id), participant) });
const history = (...events: ReturnType<typeof tells>[]) => ({ seq: events.at(-1)?.seq ?? 0, resumed: false, events, pinned: null });
const welcome = (more: Record<string, unknown> = {}) => ({
  type: "welcome",
  you: person("me"),
  resume: "r",
  resumed: false,
  room: info,
  locked: false,
  permissions,
  presence: "list",
  participants: [person("grace")],
  participants_total: 2,
  chat: history(),
  ice_servers: [],
  broadcast: null,
  ...more,
});

function setUp() {
  const sent: Record<string, unknown>[] = [];
  const socket = { bufferedAmount: 0, onopen: null, onmessage: null, onclose: null, onerror: null, close: () => undefined, send: (text: unknown) => void sent.push(JSON.parse(String(text)) as Record<string, unknown>) } as Socket;
  const session = new RoomSession({ token: "t" }, { storage: null });
  session.keep(joined);
  const room = new Room(session, joined, { open: () => socket });
  room.client.connect();
  const says = (message: unknown) => socket.onmessage?.call(socket as WebSocket, { data: JSON.stringify(message) } as MessageEvent);
  socket.onopen?.call(socket as WebSocket, {} as Event);
  return { room, session, sent, says };
}

beforeEach(() => void vi.useFakeTimers({ now: Date.parse("2030-01-01T12:00:00Z") }));
afterEach(() => void vi.useRealTimers());

describe("a room", () => {
  it("knows who is there, as they come, change and go", () => {
    const { room, session, says } = setUp();
    const hands: string[] = [];
    room.news = { hand: ({ id }) => hands.push(id) };
    says(welcome());
    says({ type: "joined", participant: person("linus") });
    expect([...room.others.keys()]).toEqual(["grace", "linus"]);
    expect(room.total).toBe(3);
    says({ type: "updated", participant: person("grace", { hand: true }) });
    says({ type: "updated", participant: person("grace", { hand: true, name: "Grace" }) });
    expect(hands, "a hand that stays up is told once").toEqual(["grace"]);
    says({ type: "updated", participant: person("me", { hand: true }) });
    expect(room.you?.hand).toBe(true);
    says({ type: "left", participant: "grace", reason: "left" });
    expect(room.total).toBe(2);
    expect(room.find("grace")).toBeUndefined();
    session.close();
    room.client.close();
  });

  it("is known anew by each welcome", () => {
    const { room, session, says } = setUp();
    says(welcome());
    says(welcome({ participants: [person("linus")], locked: true, permissions: { ...permissions, chat: false } }));
    expect([...room.others.keys()]).toEqual(["linus"]);
    expect(room.locked).toBe(true);
    expect(room.permissions.chat).toBe(false);
    session.close();
    room.client.close();
  });

  it("ends once, and forgets a session that the server ended too", () => {
    const { room, session, says } = setUp();
    says(welcome());
    says({ type: "ended", code: "banned", detail: "" });
    expect(room.over?.code).toBe("banned");
    expect(session.token).toBeNull();
  });

  it("keeps the session when only this socket is over", () => {
    const { room, session, says } = setUp();
    says(welcome());
    says({ type: "ended", code: "replaced", detail: "" });
    expect(room.over?.code).toBe("replaced");
    expect(session.token).toBe("s1");
    session.close();
  });
});

describe("the chat", () => {
  it("counts what came while nobody looked, but not one's own", () => {
    const { room, session, says } = setUp();
    says(welcome({ chat: history(tells(1, "grace")) }));
    expect(room.chat.unread, "history is not news").toBe(0);
    says({ type: "chat", events: [tells(2, "grace")] });
    says({ type: "chat", events: [tells(3, "me")] });
    expect(room.chat.unread).toBe(1);
    room.chat.look(true);
    says({ type: "chat", events: [tells(4, "grace")] });
    expect(room.chat.unread).toBe(0);
    expect(room.chat.messages.map(({ id }) => id)).toEqual(["1", "2", "3", "4"]);
    session.close();
    room.client.close();
  });

  it("counts what was missed while the connection was broken, once", () => {
    const { room, session, says } = setUp();
    says(welcome({ chat: history(tells(1, "grace")) }));
    says(welcome({ chat: history(tells(1, "grace"), tells(2, "grace")) }));
    says({ type: "chat", events: [tells(2, "grace")] });
    expect(room.chat.unread).toBe(1);
    expect(room.chat.messages).toHaveLength(2);
    session.close();
    room.client.close();
  });

  it("follows what moderators pin and delete", () => {
    const { room, session, says } = setUp();
    says(welcome({ chat: history(tells(1, "grace"), tells(2, "grace")) }));
    says({ type: "chat", events: [{ ...tells(2, "grace"), seq: 3, kind: "pinned" }] });
    expect(room.chat.pinned?.id).toBe("2");
    says({ type: "chat", events: [{ seq: 4, kind: "deleted", message: null, deleted: "2" }, { seq: 5, kind: "said", message: said("5", "eve") }] });
    expect(room.chat.pinned).toBeNull();
    expect(room.chat.messages.map(({ id }) => id)).toEqual(["1", "5"]);
    says({ type: "chat", events: [{ ...tells(1, "grace"), seq: 6, kind: "pinned" }, { seq: 7, kind: "unpinned", message: null }] });
    expect(room.chat.pinned).toBeNull();
    session.close();
    room.client.close();
  });

  it("goes on after the last event it knows when the connection comes back", () => {
    const { room, session, says } = setUp();
    expect(room.client.chatAfter()).toBe(0);
    says(welcome({ chat: history(tells(1, "grace"), tells(2, "grace")) }));
    expect(room.client.chatAfter()).toBe(2);
    says(welcome({ chat: { seq: 4, resumed: true, events: [tells(3, "grace"), { seq: 4, kind: "deleted", message: null, deleted: "1" }], pinned: said("2", "grace") } }));
    expect(room.chat.messages.map(({ id }) => id)).toEqual(["2", "3"]);
    expect(room.chat.pinned?.id).toBe("2");
    expect(room.chat.unread).toBe(1);
    expect(room.client.chatAfter()).toBe(4);
    session.close();
    room.client.close();
  });

  it("says why a message was not sent, and sends one at a time", async () => {
    const { room, session, sent, says } = setUp();
    says(welcome());
    const sending = room.chat.send("  hello ");
    expect(await room.chat.send("again")).toBe(false);
    const request = sent.find(({ type }) => type === "chat");
    expect(request?.["text"]).toBe("hello");
    says({ type: "error", re: request?.["id"], code: "rate_limited", detail: "", fatal: false });
    expect(await sending).toBe(false);
    expect(room.chat.failure).toBe("rate_limited");
    expect(await room.chat.send("   ")).toBe(false);
    session.close();
    room.client.close();
  });

  it("keeps five hundred messages at most", () => {
    const { room, session, says } = setUp();
    says(welcome());
    for (let id = 1; id <= 600; id++) says({ type: "chat", events: [tells(id, "grace")] });
    expect(room.chat.messages).toHaveLength(500);
    expect(room.chat.messages[0]?.id).toBe("101");
    session.close();
    room.client.close();
  });
});
