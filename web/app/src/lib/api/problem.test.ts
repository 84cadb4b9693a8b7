import { describe, expect, it } from "vitest";
import { adminApi, ask, publicApi, sessionApi } from "./client";
import { fieldError, Problem, problemFrom, problemText } from "./problem";
import { problemTexts } from "./problem-texts";

function answering(status: number, body: unknown, headers: Record<string, string> = {}) {
  const seen: Request[] = [];
  const fetch = (request: Request): Promise<Response> => {
    seen.push(request);
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return Promise.resolve(new Response(text, { status, headers: { "Content-Type": "application/problem+json", ...headers } }));
  };
  return { seen, options: { fetch, baseUrl: "http://room.test" } };
}

async function refusal(call: Promise<unknown>): Promise<Problem> {
  const cause: unknown = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(cause instanceof Problem)) throw new Error("the call was not refused with a Problem");
  return cause;
}

describe("a refused call", () => {
  it("carries the answer's code, faults and further members", async () => {
    const { options } = answering(422, {
      type: "about:blank",
      title: "Unprocessable",
      status: 422,
      code: "validation_failed",
      detail: "2 faults",
      errors: [{ pointer: "/room_name", code: "required", detail: "Give the room a name." }],
    });
    const problem = await refusal(ask(publicApi(options).POST("/api/v1/door", { body: { token: "t" } })));
    expect(problem).toMatchObject({ code: "validation_failed", status: 422, detail: "2 faults", extra: {} });
    expect(fieldError(problem, "/room_name")).toBe("Give the room a name.");
    expect(fieldError(problem, "/room_type")).toBeUndefined();
  });

  it("keeps starts_at and Retry-After for the page to use", async () => {
    const { options } = answering(409, { title: "Not yet", status: 409, code: "not_started", starts_at: "2030-01-01T00:00:00Z" }, { "Retry-After": "30" });
    const problem = await refusal(ask(publicApi(options).POST("/api/v1/join", { body: { token: "t" } })));
    expect(problem.extra).toEqual({ starts_at: "2030-01-01T00:00:00Z" });
    expect(problem.retryAfterSeconds).toBe(30);
  });

  it("is unexpected when what answers is not the API", async () => {
    const { options } = answering(502, "<html>Bad gateway</html>", { "Content-Type": "text/html" });
    const problem = await refusal(ask(publicApi(options).POST("/api/v1/door", { body: { token: "t" } })));
    expect(problem).toMatchObject({ code: "unexpected", status: 502, isPassing: true });
  });

  it("is a network problem when no answer comes", async () => {
    const fetch = () => Promise.reject(new TypeError("Failed to fetch"));
    const problem = await refusal(ask(publicApi({ fetch, baseUrl: "http://room.test" }).POST("/api/v1/door", { body: { token: "t" } })));
    expect(problem).toMatchObject({ code: "network", status: 0, isPassing: true });
  });
});

describe("the words for a problem", () => {
  it("exist for every code of the API and say both what happened and what to do", () => {
    for (const [code, words] of Object.entries(problemTexts)) {
      expect(words().what, code).not.toBe("");
      expect(words().todo, code).not.toBe("");
    }
  });

  it("name the limit that was reached", () => {
    const problem = new Problem({ code: "limit_exceeded", status: 403, extra: { limit: "max_rooms", value: 5, source: "subscription" } });
    expect(problemText(problem).what).toContain("subscription allows 5");
  });

  it("fall back for a code this page does not know yet", () => {
    expect(problemText(new Problem({ code: "made_later", status: 418 }))).toEqual(problemTexts.unexpected());
    expect(problemText(problemFrom(new Error("boom"))).what).toBe(problemTexts.unexpected().what);
  });

  it("are not taken from what every object inherits", () => {
    expect(problemText(new Problem({ code: "constructor", status: 400 }))).toEqual(problemTexts.unexpected());
  });
});

describe("credentials", () => {
  it("go as a bearer for a session, with the value of the moment", async () => {
    const { seen, options } = answering(200, {}, { "Content-Type": "application/json" });
    let session: string | null = null;
    const api = sessionApi(() => session, options);
    await ask(api.GET("/api/v1/session"));
    session = "renewed";
    await ask(api.GET("/api/v1/session"));
    expect(seen.map((request) => request.headers.get("Authorization"))).toEqual([null, "Bearer renewed"]);
  });

  it("add the CSRF token to changes only", async () => {
    const { seen, options } = answering(200, {}, { "Content-Type": "application/json" });
    const api = adminApi(() => "csrf", options);
    await ask(api.GET("/api/v1/admin/session"));
    await ask(api.DELETE("/api/v1/admin/session"));
    expect(seen.map((request) => request.headers.get("X-CSRF-Token"))).toEqual([null, "csrf"]);
  });
});

describe("the message files", () => {
  const files = import.meta.glob<Record<string, unknown>>("../../../messages/en/*.json", { eager: true, import: "default" });

  it.each(Object.entries(files))("name their part in each key: %s", (path, messages) => {
    const part = path.replace(/^.*\/(.*)\.json$/, "$1");
    const strangers = Object.keys(messages).filter((key) => key !== "$schema" && !key.startsWith(`${part}_`));
    expect(strangers).toEqual([]);
  });
});
