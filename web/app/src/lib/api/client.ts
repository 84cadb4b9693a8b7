import createClient, { type Client, type FetchResponse, type Middleware } from "openapi-fetch";
import { problemFrom, problemFromAnswer } from "./problem";
import type { paths } from "./schema.gen";

/** The API as the generated schema describes it. */
export type Api = Client<paths>;

/** What an operation answers with when it succeeds. */
export type Answer<Operation extends Record<string | number, unknown>> = NonNullable<FetchResponse<Operation, object, "application/json">["data"]>;

interface ApiOptions {
  /** Replaces the browser's fetch, in tests. */
  fetch?: (request: Request) => Promise<Response>;
  /** Where the API is; the page's own origin unless told. */
  baseUrl?: string;
}

/** A client without credentials of its own: for the door and for joining. (The device cookie that the door sets goes with it.) */
export function publicApi(options: ApiOptions = {}): Api {
  return createClient<paths>({ baseUrl: "/", credentials: "same-origin", ...options });
}

/** A client for somebody who has joined: sends the session as a bearer. `session` is asked at each call, since sessions are renewed. */
export function sessionApi(session: () => string | null, options: ApiOptions = {}): Api {
  const api = publicApi(options);
  api.use(header("Authorization", () => {
    const token = session();
    return token === null ? null : `Bearer ${token}`;
  }));
  return api;
}

/** A client for the admin pages: the cookie logs in, and `csrf` (asked at each call) proves that the page itself is asking. */
export function adminApi(csrf: () => string | null, options: ApiOptions = {}): Api {
  const api = publicApi(options);
  api.use(header("X-CSRF-Token", csrf, (request) => request.method !== "GET" && request.method !== "HEAD"));
  return api;
}

function header(name: string, value: () => string | null, wanted: (request: Request) => boolean = () => true): Middleware {
  return {
    onRequest({ request }) {
      const given = value();
      if (given !== null && wanted(request)) request.headers.set(name, given);
      return request;
    },
  };
}

/**
 * Awaits a call and gives its body, or throws a Problem, whichever way it failed.
 *
 *     const room = await ask(api.GET("/api/v1/rooms/{id}", { params: { path: { id } } }));
 */
export async function ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let answer;
  try {
    answer = await call;
  } catch (cause) {
    throw problemFrom(cause);
  }
  if (!answer.response.ok) throw problemFromAnswer(answer.response, answer.error);
  return answer.data as T;
}
