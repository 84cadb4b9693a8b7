import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem, type JoinAnswer } from "$lib/api";
import { RoomSession, type SessionStorage } from "./session";

const start = Date.parse("2030-01-01T12:00:00Z");
const hour = 3_600_000;

function joined(session: string, expiresInMs = hour): JoinAnswer {
  return {
    session,
    expires_at: new Date(Date.now() + expiresInMs).toISOString(),
    participant_id: "p1",
    role: "participant",
    name: "Ada",
    admission: "admitted",
    room: { id: "r1", room_name: "Demo", room_type: "meet", room_description: "", status: "active", starts_at: null, features: {} },
    stream: null,
    endpoints: { signaling: "ws://localhost/ws" },
    ice_servers: [],
  } as JoinAnswer;
}

function memory(): SessionStorage & { items: Map<string, string> } {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

const refused = (code: string) => () => Promise.reject(new Problem({ code, status: 401 }));

beforeEach(() => void vi.useFakeTimers({ now: start }));
afterEach(() => void vi.useRealTimers());

describe("a room session", () => {
  it("is renewed five minutes before it expires, again and again", async () => {
    let renewals = 0;
    const session = new RoomSession({ token: "t" }, { storage: memory(), refresh: () => Promise.resolve(joined(`s${++renewals}`)) });
    session.keep(joined("s0"));
    await vi.advanceTimersByTimeAsync(hour - 5 * 60_000 - 1);
    expect(session.token).toBe("s0");
    await vi.advanceTimersByTimeAsync(1);
    expect(session.token).toBe("s1");
    await vi.advanceTimersByTimeAsync(hour);
    expect(session.token).toBe("s2");
    session.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is taken up after a reload, by the same door only", async () => {
    const storage = memory();
    const first = new RoomSession({ token: "t" }, { storage });
    first.keep(joined("s0"));
    first.close();

    const other = new RoomSession({ room_id: "t" }, { storage });
    expect(await other.restore()).toBeNull();

    const again = new RoomSession({ token: "t" }, { storage, refresh: () => Promise.resolve(joined("s1")) });
    expect(again.remembered()?.session).toBe("s0");
    expect((await again.restore())?.session).toBe("s1");
    again.end();
    expect(storage.items.size).toBe(0);
  });

  it("is forgotten when the server has ended it", async () => {
    const storage = memory();
    const session = new RoomSession({ token: "t" }, { storage, refresh: refused("banned") });
    const ended = vi.fn();
    session.onended = ended;
    session.keep(joined("s0"));
    await vi.advanceTimersByTimeAsync(hour);
    expect(ended).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "banned" }));
    expect(session.token).toBeNull();
    expect(storage.items.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("outlives a server that cannot be reached, and tries less and less often", async () => {
    const at: number[] = [];
    let down = true;
    const session = new RoomSession(
      { token: "t" },
      {
        storage: memory(),
        refresh: () => {
          at.push(Date.now() - start);
          return down ? Promise.reject(new Problem({ code: "network", status: 0 })) : Promise.resolve(joined("s1"));
        },
      },
    );
    session.keep(joined("s0", 10 * 60_000));
    await vi.advanceTimersByTimeAsync(5 * 60_000 + 20_000);
    expect(at.map((ms) => ms - 5 * 60_000)).toEqual([0, 5_000, 15_000]);
    expect(session.token).toBe("s0");
    down = false;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(session.token).toBe("s1");
    session.close();
  });

  it("does not come back when it was ended while being renewed", async () => {
    let answer: (value: JoinAnswer) => void = () => undefined;
    const session = new RoomSession({ token: "t" }, { storage: memory(), refresh: () => new Promise((resolve) => (answer = resolve)) });
    session.keep(joined("s0"));
    const renewal = session.renew();
    session.end();
    answer(joined("s1"));
    await renewal;
    expect(session.token).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps what is remembered when the server cannot say whether it still holds", async () => {
    const storage = memory();
    new RoomSession({ token: "t" }, { storage }).keep(joined("s0"));
    const session = new RoomSession({ token: "t" }, { storage, refresh: refused("overloaded") });
    await expect(session.restore()).rejects.toMatchObject({ code: "overloaded" });
    expect(session.remembered()?.session).toBe("s0");
  });

  it("does without storage, and without what it cannot read there", () => {
    const storage = memory();
    storage.items.set("roomcast.session.join.t", "{broken");
    expect(new RoomSession({ token: "t" }, { storage }).remembered()).toBeNull();
    const session = new RoomSession({ token: "t" }, { storage: null });
    session.keep(joined("s0"));
    expect(session.token).toBe("s0");
    session.close();
  });
});
