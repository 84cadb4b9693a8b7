import * as m from "$lib/paraglide/messages";
import { isProblemCode, problemTexts, type ProblemText } from "./problem-texts";

/** One fault in a request body, pointed at by a JSON pointer (RFC 6901) such as `/room_name`. */
export interface FieldFault {
  pointer: string;
  code: string;
  detail: string;
}

interface ProblemInit {
  code: string;
  status: number;
  title?: string;
  detail?: string;
  errors?: FieldFault[];
  retryAfterSeconds?: number | null;
  extra?: Readonly<Record<string, unknown>>;
}

/** A refused or failed call: an RFC 9457 answer of the API, or what stands for one when no answer came. */
export class Problem extends Error {
  /** The API's code (`room_full`), or `network` (no answer), or `unexpected` (an answer that is no problem document). */
  readonly code: string;
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly title: string;
  /** The server's own sentence, for details that can be opened and copied. */
  readonly detail: string;
  readonly errors: readonly FieldFault[];
  /** What Retry-After asked for, in seconds. */
  readonly retryAfterSeconds: number | null;
  /** The members beyond RFC 9457's, such as `starts_at`, `limit`, `value`, `source`. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(init: ProblemInit) {
    super(init.detail ?? init.title ?? init.code);
    this.name = "Problem";
    this.code = init.code;
    this.status = init.status;
    this.title = init.title ?? "";
    this.detail = init.detail ?? "";
    this.errors = init.errors ?? [];
    this.retryAfterSeconds = init.retryAfterSeconds ?? null;
    this.extra = init.extra ?? {};
  }

  /** Whether the same call may well succeed later without anything being changed. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.code === "not_ready";
  }
}

const known = new Set(["type", "title", "status", "detail", "code", "errors", "instance"]);

/** Makes a Problem of an answer's status, headers and parsed body, whatever the body is. */
export function problemFromAnswer(response: Response, body: unknown): Problem {
  const retryAfterSeconds = secondsOf(response.headers.get("Retry-After"));
  const document = isRecord(body) ? body : {};
  const code = text(document["code"]);
  if (code === "") {
    return new Problem({ code: "unexpected", status: response.status, title: response.statusText, detail: text(document["detail"]), retryAfterSeconds });
  }
  return new Problem({
    code,
    status: response.status,
    title: text(document["title"]),
    detail: text(document["detail"]),
    errors: faultsOf(document["errors"]),
    retryAfterSeconds,
    extra: Object.fromEntries(Object.entries(document).filter(([key]) => !known.has(key))),
  });
}

/** Makes a Problem of anything thrown: a Problem stays itself, a failed fetch is `network`, all else is `unexpected`. */
export function problemFrom(cause: unknown): Problem {
  if (cause instanceof Problem) return cause;
  // fetch rejects with a TypeError when no answer came, and with an AbortError or TimeoutError when a signal ended it.
  if (cause instanceof TypeError || (cause instanceof DOMException && (cause.name === "AbortError" || cause.name === "TimeoutError"))) {
    return new Problem({ code: "network", status: 0, detail: cause.message });
  }
  return new Problem({ code: "unexpected", status: 0, detail: cause instanceof Error ? cause.message : String(cause) });
}

/** Says a problem in words for the person in front of the page. */
export function problemText(problem: Problem): ProblemText {
  const code = isProblemCode(problem.code) ? problem.code : problem.status === 404 ? "not_found" : "unexpected";
  const words = problemTexts[code]();
  const { limit, value, source } = problem.extra;
  if (typeof limit === "string" && typeof source === "string" && typeof value === "number") {
    return { ...words, what: `${words.what} ${m.problem_limit_named({ limit, source, value: String(value) })}` };
  }
  return words;
}

/** The words for one field, or undefined if the problem says nothing about it. `pointer` is a JSON pointer: `/room_name`. */
export function fieldError(problem: Problem | null | undefined, pointer: string): string | undefined {
  const fault = problem?.errors.find((one) => one.pointer === pointer);
  if (!fault) return undefined;
  return fault.detail !== "" ? fault.detail : isProblemCode(fault.code) ? problemTexts[fault.code]().what : problemTexts.validation_failed().what;
}

function faultsOf(value: unknown): FieldFault[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((one) => ({ pointer: text(one["pointer"]), code: text(one["code"]), detail: text(one["detail"]) }));
}

function secondsOf(header: string | null): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
