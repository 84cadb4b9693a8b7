import { describe, expect, it } from "vitest";
import { problemFrom } from "$lib/api";
import { AdminSession } from "./session.svelte";

type Handler = (request: Request) => { status: number; body?: unknown };

function sessionWith(handler: Handler) {
  const seen: Request[] = [];
  const fetch = (request: Request) => {
    seen.push(request.clone());
    const { status, body } = handler(request);
    return Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } }));
  };
  const session = new AdminSession({ fetch, baseUrl });
  return { session, seen };
}

const baseUrl = "https://example.test";
const login = { csrf_token: "first", expires_at: "2026-01-01T00:00:00Z" };

describe("the admin login", () => {
  it("sends the key once and the CSRF token with every change after it", async () => {
    const { session, seen } = sessionWith((request) => (request.method === "POST" ? { status: 200, body: login } : { status: 204 }));
    await session.login("the key");
    expect(session.state).toBe("in");
    await session.api.DELETE("/api/v1/rooms/{id}", { params: { path: { id: "r1" } } });
    expect(seen[1]?.headers.get("X-CSRF-Token")).toBe("first");
    expect(JSON.stringify({ ...session })).not.toContain("the key");
  });

  it("tells a refused key as a problem and stays logged out", async () => {
    const { session } = sessionWith(() => ({ status: 401, body: { code: "unauthorized", status: 401, title: "", detail: "" } }));
    await session.restore();
    expect(session.state).toBe("out");
    await expect(session.login("wrong").catch((cause: unknown) => problemFrom(cause).code)).resolves.toBe("unauthorized");
    expect(session.ended).toBe(false);
  });

  it("says that the login ended when a later call is unauthorized", async () => {
    const { session } = sessionWith((request) => (request.method === "POST" ? { status: 200, body: login } : { status: 401, body: { code: "unauthorized" } }));
    await session.login("k");
    await session.api.GET("/api/v1/rooms");
    expect(session.state).toBe("out");
    expect(session.ended).toBe(true);
  });

  it("reads a replaced CSRF token again and repeats the change once", async () => {
    const { session, seen } = sessionWith((request) => {
      if (request.method === "POST") return { status: 200, body: login };
      if (request.method === "GET") return { status: 200, body: { ...login, csrf_token: "second" } };
      return request.headers.get("X-CSRF-Token") === "second" ? { status: 204 } : { status: 403, body: { code: "forbidden" } };
    });
    await session.login("k");
    const { response } = await session.api.DELETE("/api/v1/rooms/{id}", { params: { path: { id: "r1" } } });
    expect(response.status).toBe(204);
    expect(seen.map((request) => request.method)).toEqual(["POST", "DELETE", "GET", "DELETE"]);
  });

  it("cannot tell while the server does not answer", async () => {
    const session = new AdminSession({ fetch: () => Promise.reject(new TypeError("no answer")), baseUrl });
    await session.restore();
    expect(session.state).toBe("unknown");
    expect(session.problem?.code).toBe("network");
  });
});
