import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SignalingClient, type SignalingEnd, type SignalingOptions, type SignalingState, type Socket } from "./client";
import type { ServerWelcome } from "./protocol.gen";

/** A WebSocket that a test plays the server of. */
class FakeSocket implements Socket {
  bufferedAmount = 0;
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  readonly sent: Record<string, unknown>[] = [];
  closedWith: number | undefined;

  send(data: unknown): void {
    this.sent.push(JSON.parse(String(data)) as Record<string, unknown>);
  }

  close(code?: number): void {
    this.closedWith = code;
  }

  opens(): void {
    this.onopen?.call(this as unknown as WebSocket, {} as Event);
  }

  says(message: unknown): void {
    this.onmessage?.call(this as unknown as WebSocket, { data: typeof message === "string" ? message : JSON.stringify(message) } as MessageEvent);
  }

  breaks(code: number): void {
    this.onclose?.call(this as unknown as WebSocket, { code } as CloseEvent);
  }

  types(): unknown[] {
    return this.sent.map((message) => message["type"]);
  }
}

const welcome = (resume = "r1"): Partial<ServerWelcome> => ({ type: "welcome", resume, resumed: false });

function setUp(options: Partial<SignalingOptions> = {}) {
  const sockets: FakeSocket[] = [];
  const states: SignalingState[] = [];
  const ends: SignalingEnd[] = [];
  const client = new SignalingClient({
    url: () => "ws://room.test/ws",
    session: () => "s0",
    random: () => 1,
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    ...options,
  });
  client.onstate = (state) => states.push(state);
  client.onclosed = (why) => ends.push(why);
  const last = () => {
    const socket = sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  };
  const enter = (resume?: string) => {
    last().opens();
    last().says(welcome(resume));
  };
  return { client, sockets, states, ends, last, enter };
}

beforeEach(() => void vi.useFakeTimers({ now: Date.parse("2030-01-01T00:00:00Z") }));
afterEach(() => void vi.useRealTimers());

describe("connecting", () => {
  it("says hello with the session and is open at welcome", () => {
    const { client, states, last } = setUp();
    client.connect();
    last().opens();
    expect(last().sent).toEqual([{ type: "hello", session: "s0" }]);
    expect(client.state).toBe("connecting");
    last().says(welcome());
    expect(states).toEqual(["connecting", "open"]);
    client.close();
  });

  it("tries again when no welcome comes", async () => {
    const { client, sockets, last } = setUp();
    client.connect();
    last().opens();
    await vi.advanceTimersByTimeAsync(8_000 + 1_000);
    expect(sockets).toHaveLength(2);
    client.close();
  });

  it("sends what was asked before it was open, in order, after the listeners of welcome", () => {
    const { client, last, enter } = setUp();
    client.on("welcome", () => client.send({ type: "view", tiles: [] }));
    client.connect();
    client.send({ type: "hand", raised: true });
    client.send({ type: "chat", text: "hello" });
    enter();
    expect(last().types()).toEqual(["hello", "view", "hand", "chat"]);
    client.close();
  });

  it("ends when there is no session to say hello with", () => {
    const { client, ends, last } = setUp({ session: () => null });
    client.connect();
    last().opens();
    expect(ends).toEqual([{ code: "session_invalid", detail: "" }]);
  });
});

describe("requests", () => {
  it("are answered by the message that names them", async () => {
    const { client, last, enter } = setUp();
    client.connect();
    enter();
    const chat = client.request({ type: "chat", text: "hello" });
    const lock = client.request({ type: "lock" });
    const [, chatSent, lockSent] = last().sent;
    last().says({ type: "ok", re: lockSent?.["id"] });
    last().says({ type: "error", re: chatSent?.["id"], code: "rate_limited", detail: "too fast", retry_after_ms: 900, fatal: false });
    await expect(lock).resolves.toMatchObject({ type: "ok" });
    await expect(chat).rejects.toMatchObject({ code: "rate_limited", retryAfterMs: 900 });
    expect(client.state).toBe("open");
    client.close();
  });

  it("fail when no answer comes in time", async () => {
    const { client, last, enter } = setUp();
    client.connect();
    enter();
    const lock = expect(client.request({ type: "lock" })).rejects.toMatchObject({ code: "timeout" });
    for (let second = 0; second < 15; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      last().says({ type: "pong" });
    }
    await lock;
    client.close();
  });

  it("fail when their socket breaks, while those that only waited go out on the next", async () => {
    const { client, last, enter } = setUp();
    client.connect();
    enter();
    const sent = expect(client.request({ type: "lock" })).rejects.toMatchObject({ code: "disconnected" });
    last().breaks(1006);
    await sent;
    const chat = client.request({ type: "chat", text: "later" });
    await expect(client.request({ type: "offer", sdp: "", tracks: [] })).rejects.toMatchObject({ code: "disconnected" });
    await vi.advanceTimersByTimeAsync(1_000);
    enter();
    const id = last().sent.find((message) => message["type"] === "chat")?.["id"];
    last().says({ type: "ok", re: id });
    await expect(chat).resolves.toMatchObject({ type: "ok" });
    client.close();
  });

  it("are bounded while they wait and while they are unanswered", async () => {
    const { client, last, enter } = setUp();
    client.connect();
    for (let index = 0; index < 64; index++) expect(client.send({ type: "hand", raised: true })).toBe(true);
    expect(client.send({ type: "hand", raised: true })).toBe(false);
    enter();
    const unanswered = Array.from({ length: 128 }, () => client.request({ type: "lock" }).catch((cause: unknown) => cause));
    await expect(client.request({ type: "lock" })).rejects.toMatchObject({ code: "queue_full" });
    last().bufferedAmount = 2 << 20;
    expect(client.send({ type: "hand", raised: true })).toBe(false);
    client.close();
    for (const one of await Promise.all(unanswered)) expect(one).toMatchObject({ code: "disconnected" });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a broken socket", () => {
  it("is replaced with the last resume, after delays that grow up to ten seconds", async () => {
    const { client, sockets, states, last, enter } = setUp();
    client.connect();
    enter("r1");
    last().breaks(1006);
    const delays: number[] = [];
    for (let round = 0; round < 6; round++) {
      const before = Date.now();
      const count = sockets.length;
      while (sockets.length === count) await vi.advanceTimersByTimeAsync(100);
      delays.push(Date.now() - before);
      if (round < 5) last().breaks(1006);
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    enter("r2");
    expect(last().sent[0]).toEqual({ type: "hello", session: "s0", resume: "r1" });
    expect(states).toEqual(["connecting", "open", "reconnecting", "open"]);
    client.close();
  });

  it("is not resumed when the PeerConnection is gone", async () => {
    const { client, last, enter } = setUp();
    client.mayResume = () => false;
    client.connect();
    enter();
    last().breaks(1006);
    await vi.advanceTimersByTimeAsync(1_000);
    last().opens();
    expect(last().sent[0]).toEqual({ type: "hello", session: "s0" });
    client.close();
  });

  it("is noticed by a ping without pong", async () => {
    const { client, sockets, last, enter } = setUp();
    client.connect();
    enter();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(last().types()).toEqual(["hello", "ping"]);
    last().says({ type: "pong" });
    await vi.advanceTimersByTimeAsync(15_000 + 10_000 + 1_000);
    expect(sockets).toHaveLength(2);
    expect(sockets[0]?.closedWith).toBe(1000);
    client.close();
  });

  it("is replaced when the server says so, after the delay it names", async () => {
    const { client, sockets, last, enter } = setUp();
    client.connect();
    enter();
    last().says({ type: "reconnect", after_ms: 300 });
    last().breaks(1012);
    await vi.advanceTimersByTimeAsync(299);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sockets).toHaveLength(2);
    client.close();
  });

  it("is replaced at once by a probe, and a standing one is asked", async () => {
    const { client, sockets, last, enter } = setUp();
    client.connect();
    enter();
    client.probe();
    expect(last().types()).toEqual(["hello", "ping"]);
    last().breaks(1006);
    await vi.advanceTimersByTimeAsync(100);
    client.probe();
    expect(sockets, "a second probe so soon does nothing").toHaveLength(1);
    client.close();
  });
});

describe("the end", () => {
  it.each([
    [4410, { type: "ended", code: "banned", detail: "a moderator removed you" }, "banned"],
    [4409, { type: "error", code: "room_full", detail: "", fatal: true }, "room_full"],
    [1008, { type: "error", code: "rate_limited", detail: "", fatal: true }, "rate_limited"],
    [4404, null, "not_found"],
    [1000, null, "left"],
  ])("comes with close code %i", async (code, message, why) => {
    const { client, sockets, ends, last, enter } = setUp();
    client.connect();
    enter();
    if (message) last().says(message);
    last().breaks(code);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ends.map((end) => end.code)).toEqual([why]);
    expect(client.state).toBe("closed");
    expect(sockets).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not come for an expired session that can be renewed, once", async () => {
    const renew = vi.fn(() => Promise.resolve(true));
    const { client, sockets, ends, last, enter } = setUp({ renew });
    client.connect();
    enter();
    const refuse = () => {
      last().says({ type: "error", code: "session_expired", detail: "", fatal: true });
      last().breaks(4401);
    };
    refuse();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(renew).toHaveBeenCalledOnce();
    expect(sockets).toHaveLength(2);
    last().opens();
    refuse();
    expect(ends.map((end) => end.code)).toEqual(["session_expired"]);
  });

  it("comes with leave, which tells the server first", () => {
    const { client, ends, last, enter } = setUp();
    client.connect();
    enter();
    client.leave();
    expect(last().types()).toEqual(["hello", "leave"]);
    expect(ends).toEqual([{ code: "left", detail: "" }]);
    expect(client.send({ type: "hand", raised: true })).toBe(false);
  });
});

it("what is not a message of the protocol is ignored, and listeners can stop listening", () => {
  const { client, last, enter } = setUp();
  const seen: string[] = [];
  const stop = client.on("count", (message) => seen.push(String(message.participants_total)));
  client.connect();
  enter();
  for (const odd of ["{", "7", "null", '{"type":7}', '{"type":"made_later"}']) last().says(odd);
  last().says({ type: "count", participants_total: 2 });
  stop();
  last().says({ type: "count", participants_total: 3 });
  expect(seen).toEqual(["2"]);
  client.close();
});
