import { ask } from "$lib/api";
import { parseExact, writeExact, type Exact, type ExactObject } from "./exact-json";

/** One resource as it was read: its value, the same document with exact numbers, and the ETag that a change may be made conditional on. */
export interface Read<T> {
  value: T;
  exact: Exact;
  etag: string | null;
}

/** Awaits a call that was made with `parseAs: "text"`; throws a Problem as `ask` does. */
export async function readAnswer<T>(call: Promise<{ data?: string; error?: unknown; response: Response }>): Promise<Read<T>> {
  let etag: string | null = null;
  const text = await ask(
    call.then((answer) => {
      etag = answer.response.headers.get("ETag");
      return answer;
    }),
  );
  return { value: JSON.parse(text) as T, exact: parseExact(text), etag };
}

/** A request body with exact numbers. The schema's types know only JavaScript's numbers, so such a body has none of them. */
export function exactly(body: ExactObject): { body: never; bodySerializer: () => string } {
  return { body: body as never, bodySerializer: () => writeExact(body) };
}

/** The header that makes a change conditional, if there is something to hold on to. */
export function ifMatch(etag: string | null): { "If-Match"?: string } {
  return etag === null ? {} : { "If-Match": etag };
}
