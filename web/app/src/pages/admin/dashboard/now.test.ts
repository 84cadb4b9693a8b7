import { describe, expect, it } from "vitest";
import { publicApi } from "$lib/api";
import { lookAround, totals } from "./now";

const room = (id: string, room_type: string) => ({ id, room_type, room_name: id });

function answering(bodies: Record<string, unknown>) {
  return publicApi({
    baseUrl: "https://example.test",
    fetch: (request) => {
      const path = new URL(request.url).pathname.replace("/api/v1/rooms", "");
      const body = bodies[path];
      return Promise.resolve(new Response(JSON.stringify(body ?? { code: "overloaded" }), { status: body === undefined ? 503 : 200, headers: { "Content-Type": "application/json" } }));
    },
  });
}

describe("the dashboard's look around", () => {
  it("counts people and viewers, and says since when", async () => {
    const api = answering({
      "": { items: [room("m", "meet"), room("l", "live")], next_cursor: "more" },
      "/m/participants": { items: [{ joined_at: "2026-01-01T10:05:00Z" }, { joined_at: "2026-01-01T10:00:00Z" }], next_cursor: null },
      "/l/stream": { state: "live", viewers: 12, started_at: "2026-01-01T09:00:00Z" },
    });
    const now = await lookAround(api, new AbortController().signal);
    expect(now.more).toBe(true);
    expect(now.rooms.map((one) => [one.inside, one.since])).toEqual([
      [2, "2026-01-01T10:00:00Z"],
      [12, "2026-01-01T09:00:00Z"],
    ]);
    expect(totals(now)).toEqual({ rooms: 2, people: 14, onAir: 1 });
  });

  it("shows a room that does not answer, without numbers", async () => {
    const now = await lookAround(answering({ "": { items: [room("m", "meet")], next_cursor: null } }), new AbortController().signal);
    expect(now.rooms[0]).toMatchObject({ inside: null, since: null });
    expect(now.rooms[0]?.problem?.code).toBe("overloaded");
  });

  it("fails as a whole when there is no list", async () => {
    await expect(lookAround(answering({}), new AbortController().signal)).rejects.toMatchObject({ code: "overloaded" });
  });
});
