import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { publicApi } from "$lib/api";
import { RoomSession, type SessionStorage } from "$lib/session";
import { Door } from "./door.svelte";

const now = Date.parse("2030-01-01T12:00:00Z");

interface Call {
  path: string;
  body: Record<string, unknown>;
}

const room = { id: "r1", room_name: "Demo", room_type: "meet", room_description: "", status: "idle", starts_at: null, features: {} };
const open = { room_type: "meet", role: "participant", code: "required", starts_at: null, room: null };
const joined = { session: "s1", expires_at: "2030-01-01T13:00:00Z", participant_id: "p1", role: "participant", name: "Ada", admission: "admitted", room, stream: null, endpoints: {}, ice_servers: [] };

/** A door whose server answers in turn with these: a status and a body each. */
function doorWith(...answers: [number, unknown, Record<string, string>?][]) {
  const calls: Call[] = [];
  const fetch = async (request: Request) => {
    calls.push({ path: new URL(request.url).pathname, body: request.body === null ? {} : ((await request.json()) as Record<string, unknown>) });
    const [status, body, headers] = answers.shift() ?? [500, {}];
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": status < 400 ? "application/json" : "application/problem+json", ...headers } });
  };
  const storage: SessionStorage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  const session = new RoomSession({ token: "t" }, { storage });
  const door = new Door({ token: "t" }, { api: publicApi({ fetch, baseUrl: "http://room.test" }), session });
  return { door, calls, session };
}

const problem = (code: string, more: Record<string, unknown> = {}) => ({ title: code, status: 400, code, ...more });

beforeEach(() => void vi.useFakeTimers({ now }));
afterEach(() => void vi.useRealTimers());

describe("the door", () => {
  it("asks, takes name and code, and opens", async () => {
    const { door, calls, session } = doorWith([200, open], [200, joined]);
    await door.look();
    expect(door.stage.is).toBe("asking");
    door.name = "  Ada ";
    door.code = "4711";
    await door.join();
    expect(calls).toEqual([
      { path: "/api/v1/door", body: { token: "t" } },
      { path: "/api/v1/join", body: { token: "t", name: "Ada", access_code: "4711" } },
    ]);
    expect(door.stage).toMatchObject({ is: "inside", again: false });
    expect(session.token).toBe("s1");
    session.close();
  });

  it("leaves out what was not typed", async () => {
    const { door, calls } = doorWith([200, { ...open, code: "none", room }], [401, problem("access_code_required")]);
    await door.look();
    await door.join();
    expect(calls[1]?.body).toEqual({ token: "t" });
    expect(door.refusedField).toBe("code");
  });

  it("keeps what was typed when the code is wrong", async () => {
    const { door } = doorWith([200, open], [401, problem("access_code_invalid")]);
    await door.look();
    door.name = "Ada";
    door.code = "0000";
    await door.join();
    expect(door.stage.is).toBe("asking");
    expect(door.refusedField).toBe("code");
    expect([door.name, door.code]).toEqual(["Ada", "0000"]);
  });

  it("names the field that a fault is about", async () => {
    const { door } = doorWith([200, open], [422, problem("validation_failed", { errors: [{ pointer: "/name", code: "too_long", detail: "at most 64" }] })]);
    await door.look();
    await door.join();
    expect(door.refusedField).toBe("name");
  });

  it("waits as long as the server asks, and tries nothing meanwhile", async () => {
    const { door, calls } = doorWith([200, open], [429, problem("too_many_attempts"), { "Retry-After": "120" }], [200, joined]);
    await door.look();
    await door.join();
    expect(door.waitUntil).toBe(now + 120_000);
    await door.join();
    expect(calls).toHaveLength(2);
    vi.setSystemTime(now + 120_000);
    await door.join();
    expect(door.stage.is).toBe("inside");
    door.session?.close();
  });

  it.each(["room_full", "room_locked", "banned", "room_suspended", "token_unknown", "not_ready"])("is shut by %s, and can be asked again", async (code) => {
    const { door } = doorWith([200, open], [409, problem(code)]);
    await door.look();
    door.code = "4711";
    await door.join();
    expect(door.stage).toMatchObject({ is: "refused", problem: { code } });
    door.askAgain();
    expect(door.stage.is).toBe("asking");
    expect(door.code).toBe("4711");
  });

  it("counts down for participants before the start, not for moderators", async () => {
    const later = "2030-01-01T12:30:00Z";
    const early = doorWith([200, { ...open, starts_at: later }]).door;
    await early.look();
    expect(early.stage).toEqual({ is: "early", startsAt: Date.parse(later) });
    const moderator = doorWith([200, { ...open, role: "moderator", starts_at: later }]).door;
    await moderator.look();
    expect(moderator.stage.is).toBe("asking");
    const byCode = doorWith([200, { ...open, role: "by_code", starts_at: later }], [409, problem("not_started", { starts_at: later })]).door;
    await byCode.look();
    await byCode.join();
    expect(byCode.stage).toEqual({ is: "early", startsAt: Date.parse(later) });
  });

  it("says so when the link names nothing or the server cannot be reached", async () => {
    const broken = new Door(null);
    await broken.look();
    expect(broken.stage.is).toBe("broken_link");
    const { door } = doorWith([503, problem("overloaded")]);
    await door.look();
    expect(door.stage).toMatchObject({ is: "refused", problem: { code: "overloaded" } });
  });
});
